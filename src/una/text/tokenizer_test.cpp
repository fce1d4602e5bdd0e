#include "una/text/tokenizer.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/text/sentencepiece_testing.h"

namespace una::text {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) {
    texts.push_back("the cat sat on the mat " + std::to_string(i % 7) + " times");
    texts.push_back("the dog sat on the cat; Größe, naïve café");
  }
  return texts;
}

std::string trained(std::int64_t size) { return train_bpe(corpus(), size, {"<pad>", "<s>", "</s>"}); }

Tokenizer small(const std::string& config, const std::string& map = "") {
  return {trained(300), config, map, "here"};
}

const char* kPlainConfig = R"({"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>",
    "lstrip": false, "normalized": false, "rstrip": false, "single_word": false}, "pad_token": "<pad>"})";

TEST(Tokenizer, TrainingIsDeterministicAndPutsSpecialTokensFirst) {
  const std::string file = trained(300);
  EXPECT_EQ(file, trained(300));
  const Tokenizer t(file, "", "", "here");
  EXPECT_EQ(t.size(), 300);
  EXPECT_EQ(t.token_of(0), "<pad>");
  EXPECT_EQ(t.id_of("</s>"), 2);
  EXPECT_EQ(t.token_of(400), "");
  EXPECT_FALSE(t.id_of("no such token").has_value());
  EXPECT_LT(t.encode("the cat sat on the mat", false).size(), 10U);
}

TEST(Tokenizer, TrainingRefusesAVocabularyThatCannotHoldTheBytes) {
  EXPECT_THROW(train_bpe({"a"}, 100, {}), InputError);
  EXPECT_THROW(train_bpe({"a"}, 300, {"<s>", "<s>"}), InputError);
}

TEST(Tokenizer, DecodingGivesTheTextBackByteByByte) {
  const Tokenizer t = small(kPlainConfig);
  const std::string text = " the  cat\n\t☃ 日本語 👩‍👩‍👧 \xF0\x9F\x98\x80 é ​";
  EXPECT_EQ(t.decode(t.encode(text, false), false), text);
  EXPECT_EQ(t.decode(t.encode("<s>the cat</s>", false), true), "the cat");
  EXPECT_EQ(t.decode(t.encode("<s>the cat</s>", false), false), "<s>the cat</s>");
  EXPECT_THROW(t.decode({-1}, false), InputError);
}

TEST(Tokenizer, SpecialTokensComeAsStringOrAsObject) {
  const Tokenizer t = small(kPlainConfig);
  EXPECT_EQ(t.bos_id(), 1);
  EXPECT_EQ(t.eos_id(), 2);
  EXPECT_EQ(t.pad_id(), 0);
  EXPECT_EQ(parse_json(t.special_tokens_json(), "map"),
            parse_json(R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})", "map"));
  EXPECT_FALSE(small("").bos_id().has_value());
  EXPECT_THROW(small(R"({"bos_token": 3})"), InputError);
}

TEST(Tokenizer, TheSpecialTokensMapCountsOnlyWithoutAddedTokensDecoder) {
  const char* map = R"({"eos_token": {"content": "<pad>", "lstrip": false, "normalized": false,
      "rstrip": false, "single_word": false}})";
  EXPECT_EQ(small(kPlainConfig, map).eos_id(), 0);
  const Tokenizer t = small(R"({"eos_token": "</s>", "added_tokens_decoder": {"2": {"content": "</s>",
      "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": true}}})",
                            map);
  EXPECT_EQ(t.eos_id(), 2);
}

TEST(Tokenizer, TokensOfTheConfigThatTheFileLacksAreAddedAtTheEnd) {
  const Tokenizer t = small(R"({"eos_token": "<|end|>", "image_token": "<|img|>",
      "additional_special_tokens": ["<|user|>", {"content": "<|bot|>", "special": true}]})");
  EXPECT_EQ(t.size(), 304);
  EXPECT_EQ(t.eos_id(), 300);
  EXPECT_EQ(t.id_of("<|img|>"), 301);
  EXPECT_EQ(t.id_of("<|bot|>"), 303);
  EXPECT_EQ(t.encode("<|user|>", false), std::vector<std::int32_t>{302});
  EXPECT_EQ(parse_json(t.special_tokens_json(), "map").at("image_token"), "<|img|>");
}

TEST(Tokenizer, ThePostProcessorOfTheFileDecidesOverBosAndEos) {
  Json file = parse_json(trained(300), "file");
  file["post_processor"] = parse_json(R"({"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}})",
                                      "post");
  file["truncation"] = parse_json(
      R"({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0})", "truncation");
  const Tokenizer t(file.dump(), R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": false,
      "add_eos_token": true})",
                    "", "here");
  EXPECT_TRUE(t.adds_bos());
  EXPECT_FALSE(t.adds_eos());
  EXPECT_EQ(t.encode("", true), std::vector<std::int32_t>{1});
  EXPECT_GT(t.encode("sat on a stored truncation", true).size(), 2U);
  EXPECT_FALSE(small(R"({"bos_token": "<s>", "add_bos_token": true})").adds_bos());
}

TEST(Tokenizer, OffsetsAreBytesOfTheText) {
  const Tokenizer t = small(kPlainConfig);
  const std::string text = "Größe<s> the cat";
  const Encoding e = t.encode_with_offsets(text, false);
  ASSERT_EQ(e.ids.size(), e.offsets.size());
  EXPECT_EQ(e.ids, t.encode(text, false));
  std::size_t at = 0;
  for (const auto& [begin, end] : e.offsets) {
    EXPECT_LE(begin, end);
    EXPECT_LE(end, text.size());
    at = std::max<std::size_t>(at, end);
  }
  EXPECT_EQ(at, text.size());
}

TEST(Tokenizer, ABatchIsTheTextsOneByOne) {
  const Tokenizer t = small(kPlainConfig);
  const std::vector<std::string> texts = {"", "the cat", "<s>", "a longer text about the mat"};
  const auto batch = t.encode_batch(texts, true);
  ASSERT_EQ(batch.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) { EXPECT_EQ(batch[i], t.encode(texts[i], true)); }
  EXPECT_TRUE(t.encode_batch({}, true).empty());
}

TEST(Tokenizer, BadInputIsOneSentence) {
  EXPECT_THROW(Tokenizer("{", "", "", "here"), InputError);
  EXPECT_THROW(Tokenizer(trained(300), "[]", "", "here"), InputError);
  const Tokenizer t = small(kPlainConfig);
  EXPECT_THROW(t.encode("\xFF", false), InputError);
  try {
    load_tokenizer(test_folder("no_tokenizer"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("no tokenizer.json"), std::string::npos);
  }
}

std::string words_with(const std::string& parts) {
  return R"({"version": "1.0", "added_tokens": [], )" + parts +
         R"(, "model": {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 1}, "unk_token": "<unk>"}})";
}

// The crate panics on these, or writes without end: at loading or at the first text.
TEST(Tokenizer, WhatTheCratePanicsOnIsTheInputsFault) {
  for (const char* parts :
       {R"("normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "x"})",
        R"("pre_tokenizer": {"type": "FixedLength", "length": 0})",
        R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAAAAAAAAAAAAYQA="})",
        R"("pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(([a]|[a ])+)+!"},
                                "behavior": "Isolated", "invert": false})"}) {
    EXPECT_THROW(Tokenizer(words_with(parts), "", "", "here").encode(std::string(40, 'a'), true), InputError)
        << parts;
  }
}

TEST(Tokenizer, ATextThatGrowsTooFarEndsTheProgramWithASentence) {
  std::string twice = R"({"type": "Replace", "pattern": {"Regex": "a"}, "content": "aaaaaaaaaaaaaaaaaaaa"})";
  const std::string parts =
      R"("normalizer": {"type": "Sequence", "normalizers": [)" + twice + "," + twice + "," + twice + "]}";
  const Tokenizer tokenizer(words_with(parts), "", "", "here");
  EXPECT_EQ(tokenizer.encode("a", true).size(), 1U);
  // 6,000 letters, times 20 three times. Within one call of the crate only the program's end is left.
  EXPECT_EXIT(
      tokenizer.encode(std::string(6'000, 'a'), true), testing::ExitedWithCode(2),
      "una: encoding a text takes more than 5.. MB of memory; something in tokenizer.json makes it grow");
}

TEST(Tokenizer, AFolderIsLoadedWithItsConfig) {
  const std::string folder = test_folder("tokenizer");
  write_file(folder + "/tokenizer.json", trained(300));
  EXPECT_FALSE(load_tokenizer(folder).eos_id().has_value());
  write_file(folder + "/special_tokens_map.json", R"({"eos_token": "</s>"})");
  EXPECT_EQ(load_tokenizer(folder).eos_id(), 2);
  write_file(folder + "/tokenizer_config.json", kPlainConfig);
  EXPECT_EQ(load_tokenizer(folder).bos_id(), 1);
}

TEST(Tokenizer, KnowsWhetherItChangesBeginnings) {
  EXPECT_FALSE(small(kPlainConfig).changes_beginnings());
  EXPECT_TRUE(sentencepiece_tokenizer(PrefixKind::kLegacy)->changes_beginnings());
  EXPECT_TRUE(sentencepiece_tokenizer(PrefixKind::kAlways)->changes_beginnings());
  EXPECT_TRUE(sentencepiece_tokenizer(PrefixKind::kFirst)->changes_beginnings());
  EXPECT_FALSE(sentencepiece_tokenizer(PrefixKind::kNever)->changes_beginnings());
  Json file = parse_json(trained(300), "file");
  file["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_TRUE(Tokenizer(file.dump(), "", "", "here").changes_beginnings());
}

// What a model samples behind a prompt, written down as text and read again behind that prompt, gives the same ids.
TEST(Tokenizer, TextBehindAPromptGivesTheIdsAgain) {
  const std::vector<std::string> prompts = {"", "The city is", "The city:\n", "The<|end|>", "is<|end|>\n"};
  for (const PrefixKind kind :
       {PrefixKind::kLegacy, PrefixKind::kAlways, PrefixKind::kFirst, PrefixKind::kNever}) {
    const auto t = sentencepiece_tokenizer(kind);
    for (const std::string& text : prompts) {
      const std::vector<std::int32_t> prompt = t->encode(text, true), left = t->left_context(prompt);
      for (const char* word : {"▁Lily", "▁Paris"}) {
        const std::vector<std::int32_t> ids = {*t->id_of(word), *t->id_of(".")};
        const std::string answer = t->decode_after(left, ids);
        EXPECT_EQ(t->encode_after(left, answer), ids)
            << static_cast<int>(kind) << " '" << text << "' '" << answer;
        if (!text.empty() && !text.ends_with("<|end|>")) {
          std::vector<std::int32_t> both = prompt;
          both.insert(both.end(), ids.begin(), ids.end());
          EXPECT_EQ(t->encode(text + answer, true), both) << static_cast<int>(kind) << " '" << text << "'";
        }
      }
    }
  }
  const Tokenizer bytes = small(kPlainConfig);
  EXPECT_TRUE(bytes.left_context(bytes.encode("the cat", false)).empty());
  EXPECT_EQ(bytes.encode_after({}, " sat"), bytes.encode(" sat", false));
}

}  // namespace
}  // namespace una::text
