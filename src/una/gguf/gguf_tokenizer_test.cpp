#include "una/gguf/gguf_tokenizer.h"

#include <optional>

#include <gtest/gtest.h>

#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/weights/testing.h"

namespace una::gguf {
namespace {

using weights::error_of;

constexpr const char* kByteLevel =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";
constexpr const char* kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";
constexpr const char* kQwenRegex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";

std::string with_pre(const std::string& pre, const std::string& model = "{}") {
  return R"({"model": )" + model + R"(, "pre_tokenizer": )" + pre + "}";
}

std::string split_then_bytes(const std::string& regex, const std::string& behavior = "Isolated") {
  return R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ")" + regex +
         R"("}, "behavior": ")" + behavior + R"(", "invert": false},
         {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]})";
}

std::string pre_of(const std::string& json) { return gguf_pre_tokenizer(json, "here"); }

GgufTokenizerSource byte_level() {
  GgufTokenizerSource source;
  source.what = "here";
  source.tokenizer_json = R"({"added_tokens": [{"id": 0, "content": "<eos>", "special": true},
      {"id": 4, "content": "<tool>", "special": false}, {"id": 5, "content": "<|x|>", "special": false}],
      "pre_tokenizer": )" +
                          std::string(kByteLevel) + R"(,
      "model": {"type": "BPE", "vocab": {"<eos>": 0, "a": 1, "b": 2, "ab": 3}, "merges": [["a", "b"]]}})";
  source.config_json = R"({"added_tokens_decoder": {"6": {"content": "<plain>", "special": false}}})";
  source.tokens = {"<eos>", "a", "b", "ab", "<tool>", "<|x|>", "<plain>", "<named>"};
  source.rows = 10;
  source.eos_id = 0;
  return source;
}

GgufTokenizerSource sentence_piece() {
  GgufTokenizerSource source;
  source.what = "here";
  source.tokenizer_json = R"({"added_tokens": [{"id": 0, "content": "<unk>", "special": true},
      {"id": 1, "content": "<s>", "special": true}, {"id": 7, "content": "▁▁x", "special": false}],
      "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}, "pre_tokenizer": null,
      "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "vocab": {"<unk>": 0, "<s>": 1,
      "<0x0A>": 2, "a": 3, "b": 4, "ab": 5, "▁ab": 6}, "merges": ["a b", "▁ ab", "▁a b"]}})";
  source.tokens = {"<unk>", "<s>", "<0x0A>", "a", "b", "ab", "▁ab", "▁▁x"};
  source.rows = 8;
  source.bos_id = 1;
  source.eos_id = 1;
  source.adds_bos = true;
  return source;
}

template <class T>
std::optional<T> value_of(const GgufTokenizer& tokenizer, const std::string& key) {
  for (const auto& [name, value] : tokenizer.metadata) {
    if (name == "tokenizer." + key) { return std::get<T>(value); }
  }
  return std::nullopt;
}

std::string refusal(const GgufTokenizerSource& source) {
  return error_of([&] { gguf_tokenizer(source); });
}

TEST(GgufTokenizer, PreTokenizersAreToldByTheirStructure) {
  EXPECT_EQ(pre_of(with_pre(kByteLevel)), "gpt-2");
  EXPECT_EQ(pre_of(with_pre(
                R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},)" +
                std::string(kByteLevel) + "]}")),
            "smollm");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes(kLlama3Regex), R"({"ignore_merges": true})")), "llama-bpe");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes(kLlama3Regex))), "smaug-bpe");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes(kQwenRegex))), "qwen2");
  std::string inverted = with_pre(split_then_bytes(kQwenRegex, "Removed"));
  const std::string flag = R"("invert": false)";
  ASSERT_NE(inverted.find(flag), std::string::npos) << inverted;
  inverted.replace(inverted.find(flag), flag.size(), R"("invert": true)");
  EXPECT_EQ(pre_of(inverted), "qwen2") << "what does not match is removed, and that is nothing";
}

TEST(GgufTokenizer, AnythingElseIsNotGuessed) {
  EXPECT_EQ(pre_of(with_pre("null")), "");
  EXPECT_EQ(pre_of(with_pre(R"({"type": "Sequence", "pretokenizers": []})")), "");
  EXPECT_EQ(pre_of(with_pre(R"({"type": "ByteLevel", "add_prefix_space": true, "use_regex": true})")), "");
  EXPECT_EQ(pre_of(with_pre(R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})")), "");
  EXPECT_EQ(pre_of(with_pre(kByteLevel, R"({"ignore_merges": true})")), "");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes(kQwenRegex), R"({"ignore_merges": true})")), "");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes(kQwenRegex, "Removed"))), "");
  EXPECT_EQ(pre_of(with_pre(split_then_bytes("x"))), "");
}

TEST(GgufTokenizer, ByteLevelBpeIsGpt2WithMerges) {
  GgufTokenizerSource source = byte_level();
  source.chat_template = "{{ x }}";
  source.pad_id = 7, source.other_end_id = 5;
  const GgufTokenizer out = gguf_tokenizer(source);
  EXPECT_TRUE(out.warnings.empty());
  EXPECT_EQ(value_of<std::string>(out, "ggml.model"), "gpt2");
  EXPECT_EQ(value_of<std::string>(out, "ggml.pre"), "gpt-2");
  EXPECT_EQ(out.pre, "gpt-2");
  EXPECT_EQ(value_of<std::vector<std::string>>(out, "ggml.tokens"),
            (std::vector<std::string>{"<eos>", "a", "b", "ab", "<tool>", "<|x|>", "<plain>", "<named>",
                                      "[PAD8]", "[PAD9]"}));
  // Control: special, or so written, or named by the config alone. User-defined: other added ones.
  EXPECT_EQ(value_of<std::vector<std::int32_t>>(out, "ggml.token_type"),
            (std::vector<std::int32_t>{3, 1, 1, 1, 4, 3, 4, 3, 5, 5}));
  EXPECT_EQ(value_of<std::vector<std::string>>(out, "ggml.merges"), (std::vector<std::string>{"a b"}));
  EXPECT_EQ(value_of<std::uint32_t>(out, "ggml.eos_token_id"), 0U);
  EXPECT_EQ(value_of<std::uint32_t>(out, "ggml.eot_token_id"), 5U);
  EXPECT_EQ(value_of<std::uint32_t>(out, "ggml.padding_token_id"), 7U);
  EXPECT_FALSE(value_of<std::uint32_t>(out, "ggml.bos_token_id").has_value());
  EXPECT_EQ(value_of<bool>(out, "ggml.add_bos_token"), false);
  EXPECT_EQ(value_of<bool>(out, "ggml.add_eos_token"), false);
  EXPECT_EQ(value_of<std::string>(out, "chat_template"), "{{ x }}");
  EXPECT_FALSE(value_of<std::vector<float>>(out, "ggml.scores").has_value());
}

TEST(GgufTokenizer, SpacesWithinMergesAreWrittenAsBytes) {
  GgufTokenizerSource source = byte_level();
  Json json = Json::parse(source.tokenizer_json);
  json["model"]["merges"] = Json::parse(R"([[" ", "a"], ["a", "b c"]])");
  source.tokenizer_json = json.dump();
  EXPECT_EQ(value_of<std::vector<std::string>>(gguf_tokenizer(source), "ggml.merges"),
            (std::vector<std::string>{"Ġ a", "a bĠc"}));
}

TEST(GgufTokenizer, AnUnknownPreTokenizerIsDefaultWithAWarning) {
  GgufTokenizerSource source = byte_level();
  Json json = Json::parse(source.tokenizer_json);
  json["pre_tokenizer"]["add_prefix_space"] = true;
  json["normalizer"] = {{"type", "Lowercase"}};
  source.tokenizer_json = json.dump();
  const GgufTokenizer out = gguf_tokenizer(source);
  EXPECT_EQ(value_of<std::string>(out, "ggml.pre"), "default");
  ASSERT_EQ(out.warnings.size(), 2U);
  EXPECT_NE(out.warnings[0].find("no Lowercase normalizer"), std::string::npos) << out.warnings[0];
  EXPECT_NE(out.warnings[1].find("here: its pre-tokenizer"), std::string::npos) << out.warnings[1];
}

TEST(GgufTokenizer, PiecesWithByteFallbackAreLlamaWithScores) {
  const GgufTokenizer out = gguf_tokenizer(sentence_piece());
  EXPECT_EQ(value_of<std::string>(out, "ggml.model"), "llama");
  EXPECT_EQ(value_of<std::string>(out, "ggml.pre"), "default");
  EXPECT_EQ(out.pre, "");
  EXPECT_EQ(value_of<std::vector<std::string>>(out, "ggml.tokens"),
            (std::vector<std::string>{"<unk>", "<s>", "<0x0A>", "a", "b", "ab", "▁ab", "  x"}));
  EXPECT_EQ(value_of<std::vector<std::int32_t>>(out, "ggml.token_type"),
            (std::vector<std::int32_t>{2, 3, 6, 1, 1, 1, 1, 4}));
  // Minus the rank of the first merge; tokens that no merge makes come last.
  EXPECT_EQ(value_of<std::vector<float>>(out, "ggml.scores"),
            (std::vector<float>{-3, -3, -3, -3, -3, 0, -1, -3}));
  EXPECT_EQ(value_of<bool>(out, "ggml.add_space_prefix"), true);
  EXPECT_EQ(value_of<bool>(out, "ggml.add_bos_token"), true);
  EXPECT_EQ(value_of<std::uint32_t>(out, "ggml.bos_token_id"), 1U);
  EXPECT_EQ(value_of<std::uint32_t>(out, "ggml.unknown_token_id"), 0U);
  EXPECT_FALSE(value_of<std::vector<std::string>>(out, "ggml.merges").has_value());
}

TEST(GgufTokenizer, TheSpaceBeforeATextFollowsTheFile) {
  const auto adds_space = [](const char* pre_tokenizer) {
    GgufTokenizerSource source = sentence_piece();
    Json json = Json::parse(source.tokenizer_json);
    json["normalizer"] = nullptr;
    json["pre_tokenizer"] = Json::parse(pre_tokenizer);
    source.tokenizer_json = json.dump();
    return *value_of<bool>(gguf_tokenizer(source), "ggml.add_space_prefix");
  };
  EXPECT_TRUE(adds_space(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})"));
  EXPECT_FALSE(adds_space(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})"));
  EXPECT_FALSE(adds_space("null"));
}

TEST(GgufTokenizer, WhatLlamaCppCannotReadIsRefused) {
  GgufTokenizerSource source = byte_level();
  source.rows = 7;
  EXPECT_NE(refusal(source).find("here: the tokenizer has 8 tokens, but the model only 7 rows"),
            std::string::npos);
  source = byte_level();
  source.tokens[2] = "a";
  EXPECT_NE(refusal(source).find("two tokens have the text \"a\""), std::string::npos);
  source = sentence_piece();
  source.tokenizer_json = R"({"model": {"type": "Unigram"}})";
  EXPECT_NE(refusal(source).find("not Unigram"), std::string::npos) << refusal(source);
  source.tokenizer_json = R"({"model": {"type": "BPE", "byte_fallback": false}})";
  EXPECT_NE(refusal(source).find("not other BPE"), std::string::npos) << refusal(source);
}

}  // namespace
}  // namespace una::gguf
