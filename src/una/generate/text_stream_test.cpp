#include "una/generate/text_stream.h"

#include <gtest/gtest.h>

#include "una/core/tiny_spec_testing.h"
#include "una/generate/engine.h"
#include "una/generate/stop_text.h"
#include "una/text/sentencepiece_testing.h"

namespace una::generate {
namespace {

using Ids = std::vector<std::int32_t>;

// A byte-level BPE that knows few words: other characters are several tokens.
const text::Tokenizer& tokenizer() {
  static const text::Tokenizer kTokenizer(
      text::train_bpe({"the end is near", "the story the end"}, 270, {"<eos>"}), "", "", "test");
  return kTokenizer;
}

// What is shown after each id, the finished text last.
std::vector<std::string> pieces(const std::string& text, const std::vector<std::string>& stops,
                                std::size_t end) {
  const Ids ids = tokenizer().encode(text, false);
  TextStream stream(&tokenizer(), stops);
  std::vector<std::string> out;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    out.push_back(stream.push({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i)}));
  }
  out.push_back(stream.finish(text.substr(0, end)));
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) { out += part; }
  return out;
}

bool is_utf8_start(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

TEST(TextStream, ShowsTheTextPieceByPieceInWholeCharacters) {
  const std::string text = "na\xC3\xAFve \xE2\x82\xAC and \xF0\x9F\x8C\x8A.";
  const std::vector<std::string> shown = pieces(text, {}, text.size());
  EXPECT_EQ(joined(shown), text);
  std::size_t empty = 0;
  for (const std::string& piece : shown) {
    empty += piece.empty() ? 1 : 0;
    if (!piece.empty()) {
      EXPECT_TRUE(is_utf8_start(piece[0])) << piece;
      EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos) << piece;
    }
  }
  EXPECT_GT(empty, 0U) << "bytes of a character were waited for";
}

TEST(TextStream, BeginsAsTheFinishedTextDoes) {
  const auto pieces = text::sentencepiece_tokenizer(text::PrefixKind::kLegacy);
  const Ids ids = {*pieces->id_of("▁Lily"), *pieces->id_of("▁is"), *pieces->id_of("▁Paris")};
  for (const std::string prompt : {"", "The city is"}) {
    const Ids before = pieces->encode(prompt, true);
    const std::string whole = StopText(pieces.get(), {}, before).text(ids, 0, false);
    TextStream stream(pieces.get(), {}, before);
    std::string shown;
    for (std::size_t i = 1; i < ids.size(); ++i) {
      shown += stream.push({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i)});
    }
    EXPECT_EQ(shown + stream.finish(whole), whole);
    EXPECT_EQ(whole, prompt.empty() ? "Lily is Paris" : " Lily is Paris");
  }
}

TEST(TextStream, WhatMayBecomeAStopStringIsHeldBack) {
  // One token a byte: the stop string grows under the reader's eyes.
  const std::vector<std::string> shown = pieces("bone QXZ", {"QXZ"}, 5);
  EXPECT_EQ(joined(shown), "bone ");
  EXPECT_EQ(joined(pieces("bone QXY", {"QXZ"}, 8)), "bone QXY") << "what was none after all comes";
}

TEST(TextStream, TheEnginesTokensMakeTheTextOfItsAnswer) {
  const ModelSpec spec = tiny_spec({.layers = 1,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .head_dim = 8,
                                    .vocabulary = tokenizer().size(),
                                    .initializer_range = 0.4});
  model::Model model(spec, 5, {});
  Engine engine(model, &tokenizer(), {});
  TextStream stream(&tokenizer(), {});
  std::string text;
  std::size_t heard = 0;
  engine.on_token([&](const Output& so_far) {
    EXPECT_EQ(so_far.ids.size(), ++heard);
    text += stream.push(so_far.ids);
  });
  const SamplingParams params{.max_new_tokens = 40};
  const Output output =
      generate_all(engine, {{.id = 1, .prompt = tokenizer().encode("the", false), .params = params}})[0];
  text += stream.finish(output.text);
  EXPECT_EQ(heard, 39U) << "the last token comes with the finished answer";
  EXPECT_EQ(text, output.text);
}

}  // namespace
}  // namespace una::generate
