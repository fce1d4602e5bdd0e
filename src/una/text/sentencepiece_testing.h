#pragma once

// For tests only: small tokenizers in the manner of SentencePiece, which know a few words.

#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/text/tokenizer.h"

namespace una::text {

// Where a space is put in front of a text: kLegacy in front of every stretch between special tokens (Llama 2's
// normalizer), kAlways and kFirst as Metaspace's prepend_scheme, kNever not at all (Gemma).
enum class PrefixKind : std::uint8_t { kLegacy, kAlways, kFirst, kNever };

// Ids: <unk> 0, <s> 1, </s> 2, <|end|> 3, then 256 bytes, then pieces. Adds <s> in front.
inline std::shared_ptr<const Tokenizer> sentencepiece_tokenizer(PrefixKind kind) {
  const std::string space = "▁";
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  const auto add = [&](const std::string& piece) { vocab.emplace(piece, vocab.size()); };
  for (const char* special : {"<unk>", "<s>", "</s>", "<|end|>"}) {
    added.push_back({{"id", vocab.size()},
                     {"content", special},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    add(special);
  }
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    add(name);
  }
  add(space);
  for (char letter = 'a'; letter <= 'z'; ++letter) { add(std::string(1, letter)); }
  for (const char letter : std::string("LPT.:")) { add(std::string(1, letter)); }
  for (const std::string word : {"Paris", "is", "Lily", "The", "city"}) {
    for (std::size_t size = 1; size < word.size(); ++size) {
      add(word.substr(0, size + 1));
      merges.push_back(word.substr(0, size) + " " + word.substr(size, 1));
    }
    add(space + word);
    merges.push_back(space + " " + word);
  }
  const Json replace{{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space}};
  Json file{{"version", "1.0"}, {"added_tokens", added}, {"normalizer", nullptr}, {"pre_tokenizer", nullptr}};
  const char* const schemes[] = {"", "always", "first", "never"};
  if (kind == PrefixKind::kLegacy) {
    file["normalizer"] = {{"type", "Sequence"},
                          {"normalizers", {{{"type", "Prepend"}, {"prepend", space}}, replace}}};
  } else {
    file["pre_tokenizer"] = {{"type", "Metaspace"},
                             {"replacement", space},
                             {"prepend_scheme", schemes[static_cast<int>(kind)]},
                             {"split", false}};
  }
  Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", space}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (kind != PrefixKind::kNever) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  file["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  const Json bos{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const Json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", Json::array({bos, text})},
      {"pair", Json::array({bos, text, text})},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
  file["model"] = {{"type", "BPE"},    {"unk_token", "<unk>"}, {"byte_fallback", true},
                   {"fuse_unk", true}, {"vocab", vocab},       {"merges", merges}};
  return std::make_shared<Tokenizer>(file.dump(), R"({"bos_token": "<s>", "eos_token": "</s>"})", "", "test");
}

}  // namespace una::text
