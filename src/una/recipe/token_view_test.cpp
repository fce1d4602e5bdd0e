#include "una/recipe/token_view.h"

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::recipe {
namespace {

// A tokenizer with hardly more than the 256 bytes: characters outside ASCII are several tokens.
text::Tokenizer byte_tokenizer() {
  const std::string folder = test_folder("token_view");
  write_file(folder + "/tokenizer.json", text::train_bpe({"abc"}, 260, {"<|end|>", "<|begin|>"}));
  write_file(
      folder + "/tokenizer_config.json",
      R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "bos_token": "<|begin|>"})");
  return text::load_tokenizer(folder);
}

Sequence sequence_of(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer) {
  Sequence out;
  for (const std::string* part : {&prompt, &answer}) {
    for (const std::int32_t id : tokenizer.encode(*part, false)) {
      out.ids.push_back(id);
      out.loss_mask.push_back(part == &answer ? 1 : 0);
    }
  }
  return out;
}

TEST(TokenView, BracketsMarkWhatIsTrainedOn) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  EXPECT_EQ(shown_tokens(sequence_of(tokenizer, "ask", "tell"), tokenizer, {}), "ask[tell]");
}

TEST(TokenView, TokensOfOneCharacterAreOnePiece) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const Sequence sequence = sequence_of(tokenizer, "smile ", "\xF0\x9F\x98\x80!\n");
  EXPECT_GT(sequence.ids.size(), 9U) << "the emoji is several tokens";
  EXPECT_EQ(shown_tokens(sequence, tokenizer, {}), "smile [\xF0\x9F\x98\x80!\\n]");
}

TEST(TokenView, IdsFollowTheirPiece) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const Sequence sequence = sequence_of(tokenizer, "", "z");
  EXPECT_EQ(shown_tokens(sequence, tokenizer, {.ids = true}), "[z<" + std::to_string(sequence.ids[0]) + ">]");
}

TEST(TokenView, LongSequencesAreCutInTheMiddle) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const Sequence sequence = sequence_of(tokenizer, "", std::string(50, 'z'));
  EXPECT_EQ(shown_tokens(sequence, tokenizer, {.limit = 9}), "[zzzzzz ... 41 tokens ... zzz]");
  EXPECT_EQ(shown_tokens(sequence, tokenizer, {.limit = 50}), "[" + std::string(50, 'z') + "]");
}

TEST(TokenView, OneTokenIsShownAsItsText) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const std::int32_t id = tokenizer.encode("\n", false).at(0);
  EXPECT_EQ(shown_token(id, tokenizer), std::to_string(id) + " '\\n'");
}

}  // namespace
}  // namespace una::recipe
