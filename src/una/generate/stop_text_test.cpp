#include "una/generate/stop_text.h"

#include <gtest/gtest.h>

#include "una/core/tiny_spec_testing.h"
#include "una/generate/engine.h"
#include "una/text/sentencepiece_testing.h"

namespace una::generate {
namespace {

using Ids = std::vector<std::int32_t>;

// A byte-level BPE that knows the words of the tests, or their parts.
const text::Tokenizer& tokenizer() {
  static const text::Tokenizer kTokenizer(
      text::train_bpe({"the end is near", "the END of the story", "the story the story the end"}, 280,
                      {"<eos>"}),
      "", "", "test");
  return kTokenizer;
}

// Pushes the ids one by one; how many there were when the stop was found, or 0.
std::size_t found_after(StopText& watch, const Ids& ids, std::size_t unchecked = 0) {
  Ids so_far;
  for (const std::int32_t id : ids) {
    so_far.push_back(id);
    if (watch.push(so_far, so_far.size() > unchecked)) { return so_far.size(); }
  }
  return 0;
}

TEST(StopText, FindsAStringThatSpansTokensAndCutsBeforeTheFirst) {
  const Ids ids = tokenizer().encode("the story ends. END of the story", false);
  StopText watch(&tokenizer(), {"END", "s. E"});
  const std::size_t found = found_after(watch, ids);
  ASSERT_GT(found, 0U);
  const Ids read(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(found));
  EXPECT_EQ(watch.text(read, 0, true), "the story end");
  EXPECT_EQ(watch.text(read, 0, false), tokenizer().decode(read, true));
}

TEST(StopText, FindsItAtEveryCutOfTheText) {
  // One id a byte: each stop string arrives in pieces.
  const std::string text = "ab\n\ncd";
  Ids ids;
  for (const char c : text) {
    const Ids one = tokenizer().encode(std::string(1, c), false);
    ids.insert(ids.end(), one.begin(), one.end());
  }
  for (const std::string stop : {"a", "b\n", "\n\n", "\nc", "cd"}) {
    StopText watch(&tokenizer(), {stop});
    const std::size_t found = found_after(watch, ids);
    ASSERT_GT(found, 0U) << stop;
    const Ids read(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(found));
    EXPECT_EQ(watch.text(read, 0, true), text.substr(0, text.find(stop))) << stop;
  }
}

TEST(StopText, CharactersOfSeveralTokensAreWaitedFor) {
  const std::string text = "na\xC3\xAFve \xE2\x82\xAC stop";
  const Ids ids = tokenizer().encode(text, false);
  StopText watch(&tokenizer(), {"\xE2\x82\xAC"});
  const std::size_t found = found_after(watch, ids);
  ASSERT_GT(found, 0U);
  EXPECT_EQ(watch.text({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(found)}, 0, true),
            "na\xC3\xAFve ");
}

TEST(StopText, WhatStandsInTheUncheckedPartDoesNotStop) {
  const Ids ids = tokenizer().encode("the end. the end", false);
  const std::size_t skip = tokenizer().encode("the end.", false).size();
  StopText watch(&tokenizer(), {"end"});
  const std::size_t found = found_after(watch, ids, skip);
  ASSERT_GT(found, skip);
  EXPECT_EQ(watch.text({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(found)}, 0, true),
            "the end. the ");
}

// What is written down must give the sampled ids when it is read again behind the prompt.
TEST(StopText, TheTextOfSentencePieceContinuesThePrompt) {
  const auto pieces = text::sentencepiece_tokenizer(text::PrefixKind::kLegacy);
  const Ids ids = {*pieces->id_of("▁Lily"), *pieces->id_of("."), 2};
  const auto text_behind = [&](const std::string& prompt) {
    const Ids before = pieces->encode(prompt, true);
    StopText watch(pieces.get(), {"."}, before);
    EXPECT_FALSE(watch.push({ids[0]}, true));
    EXPECT_TRUE(watch.push({ids[0], ids[1]}, true));
    EXPECT_EQ(watch.text({ids[0], ids[1]}, 0, true) + ".", watch.text(ids, 1, false));
    return watch.text(ids, 1, false);
  };
  EXPECT_EQ(text_behind("The city is"), " Lily.");
  EXPECT_EQ(text_behind("The city:\n"), " Lily.");
  EXPECT_EQ(text_behind(""), "Lily.");  // a row with this text gets the space from the tokenizer
  EXPECT_EQ(text_behind("The city<|end|>"), "Lily.");  // so does text behind a special token
}

TEST(StopText, WithoutStopStringsNothingIsDecodedOnTheWay) {
  StopText watch(nullptr, {});
  EXPECT_FALSE(watch.push({1, 2}, true));
  EXPECT_EQ(watch.text({1, 2}, 0, false), "");
}

// Through the engine: the ids keep what was sampled, the text ends before the stop string.
TEST(StopText, TheEngineStopsAtAStringAndTrimsTheText) {
  const ModelSpec spec = tiny_spec({.layers = 1,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .head_dim = 8,
                                    .vocabulary = tokenizer().size(),
                                    .initializer_range = 0.4});
  model::Model model(spec, 5, {});
  Engine engine(model, &tokenizer(), {});
  SamplingParams params{.max_new_tokens = 40, .temperature = 1};
  const Request request{.id = 1, .prompt = tokenizer().encode("the", false), .params = params};
  const Output free = generate_all(engine, {request})[0];
  EXPECT_EQ(free.text, tokenizer().decode(free.ids, true));
  // A piece of what it says: two bytes in the middle that are plain letters.
  std::size_t at = 0;
  while (at + 2 < free.text.size() && !(free.text[at] > 32 && free.text[at + 1] > 32)) { ++at; }
  ASSERT_LT(at + 2, free.text.size());
  Request stopped = request;
  stopped.params.stop = {free.text.substr(at, 2)};
  const Output output = generate_all(engine, {stopped})[0];
  EXPECT_EQ(output.finish, Output::Finish::kStop);
  EXPECT_EQ(output.text, free.text.substr(0, at));
  EXPECT_EQ(output.ids,
            Ids(free.ids.begin(), free.ids.begin() + static_cast<std::ptrdiff_t>(output.ids.size())));
  EXPECT_LT(output.ids.size(), free.ids.size());
}

}  // namespace
}  // namespace una::generate
