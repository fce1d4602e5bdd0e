#include <string>
#include <vector>

#include "una/gguf/gguf_tokenizer.h"
#include "una/gguf/gguf_tokenizer_json.h"

namespace una::gguf {
namespace {

using detail::TokenizerJson;

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr const char* kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// llama.cpp derives "a word that is a token needs no merges" from the pre-tokenizer's name, so the flag is
// part of the structure here.
struct SplitRow {
  const char* regex;
  bool ignore_merges;
  const char* name;
};
constexpr SplitRow kSplits[] = {{kLlama3, true, "llama-bpe"}, {kLlama3, false, "smaug-bpe"},
                                {kQwen2, false, "qwen2"},     {kSeedCoder, false, "seed-coder"},
                                {kGpt4o, false, "gpt-4o"},    {kTekken, true, "tekken"}};

bool flag(const TokenizerJson& object, const char* key, bool fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

bool is_byte_level(const TokenizerJson& part, bool use_regex) {
  return detail::type_of(part) == "ByteLevel" && !flag(part, "add_prefix_space", true) &&
         flag(part, "use_regex", true) == use_regex;
}

// The regex of a Split that keeps its matches as pieces; "" for anything else. Removing what does not match is the
// same for the regexes here, since they match every character.
std::string split_regex(const TokenizerJson& part) {
  if (detail::type_of(part) != "Split" || !part.contains("pattern")) { return ""; }
  const bool inverted = flag(part, "invert", false);
  if (part.value("behavior", "") != (inverted ? "Removed" : "Isolated")) { return ""; }
  return part["pattern"].value("Regex", "");
}

}  // namespace

std::string gguf_pre_tokenizer(const std::string& tokenizer_json, const std::string& what) {
  const TokenizerJson json = detail::parse_tokenizer_json(tokenizer_json, what);
  const std::vector<TokenizerJson> parts =
      detail::parts_of(detail::member(json, "pre_tokenizer"), "pretokenizers");
  const bool ignore_merges = flag(detail::member(json, "model"), "ignore_merges", false);
  if (parts.size() == 1 && is_byte_level(parts[0], true) && !ignore_merges) { return "gpt-2"; }
  if (parts.size() != 2) { return ""; }
  const bool digits = detail::type_of(parts[0]) == "Digits" && flag(parts[0], "individual_digits", false);
  if (digits && is_byte_level(parts[1], true) && !ignore_merges) { return "smollm"; }
  if (!is_byte_level(parts[1], false)) { return ""; }
  for (const SplitRow& row : kSplits) {
    if (split_regex(parts[0]) == row.regex && ignore_merges == row.ignore_merges) { return row.name; }
  }
  return "";
}

}  // namespace una::gguf
