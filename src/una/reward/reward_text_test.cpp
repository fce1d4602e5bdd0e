#include "una/reward/reward_text.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/reward/reward_testing.h"

namespace una::reward {
namespace {

using text::BosRule;
using Ids = std::vector<std::int32_t>;

std::string text_of(const Words& words, const Ids& ids) { return words.tokenizer.decode(ids, false); }

TEST(RewardText, AConversationIsRenderedWholeAndNothingIsAddedBehindIt) {
  const Words words;
  const Ids ids = words.text(BosRule::kTemplate).ids(ask("how are you", "well"));
  EXPECT_EQ(text_of(words, ids), "<s><user>how are you</s><assistant>well</s>");
  EXPECT_EQ(ids, words.tokenizer.encode("<s><user>how are you</s><assistant>well</s>", false));
}

TEST(RewardText, TheBosRulesAreThoseOfTheModelCards) {
  const Words words;
  const Question question = ask("hello", "world");
  const Ids once = words.text(BosRule::kTemplate).ids(question);
  Ids twice = once;
  twice.insert(twice.begin(), kBos);
  EXPECT_EQ(words.text(BosRule::kDouble).ids(question), twice);
  EXPECT_EQ(words.text(BosRule::kStrip).ids(question), once);
  EXPECT_EQ(once[0], kBos);
  EXPECT_NE(once[1], kBos);
}

TEST(RewardText, TheDateStandsStill) {
  const Words words;
  Question question = ask("hello", "world");
  question.template_kwargs = R"({"dated": true})";
  EXPECT_EQ(text_of(words, words.text(BosRule::kTemplate).ids(question)),
            "<s>26 Jul 2024<user>hello</s><assistant>world</s>");
  EXPECT_EQ(text_of(words, words.text(BosRule::kTemplate, "01 Feb 2025").ids(question)),
            "<s>01 Feb 2025<user>hello</s><assistant>world</s>");
}

TEST(RewardText, PlainTextIsTokenisedInPartsWithBosAndEosOnce) {
  const Words words;
  const RewardText text = words.text(BosRule::kDouble);
  Ids expected = {kBos};
  for (const char* part : {"hello w", "orld"}) {
    const Ids ids = words.tokenizer.encode(part, false);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  expected.push_back(kEos);
  EXPECT_EQ(text.ids(ask(plain("hello w"), plain("orld"))), expected);
  EXPECT_EQ(text.ids(ask(plain("<s>hello w"), plain("orld</s>"))), expected);
}

TEST(RewardText, APlainAnswerToAChatPromptIsOneAssistantTurn) {
  const Words words;
  const RewardText text = words.text(BosRule::kTemplate);
  EXPECT_EQ(text.ids(ask(chat("user", "hello"), plain("world"))), text.ids(ask("hello", "world")));
  EXPECT_EQ(text.ids(ask(plain("hello"), chat("assistant", "world"))), text.ids(ask("hello", "world")));
}

TEST(RewardText, RefusalsAreTheUsersErrors) {
  const Words words;
  const Question question = ask(chat("system", "x"), chat("assistant", "y"));
  EXPECT_THROW(words.text(BosRule::kTemplate).ids(question), InputError);
  const text::Encoder bare({.tokenizer = words.shared, .chat_template = nullptr, .eos_id = kEos});
  EXPECT_THROW(RewardText(bare, BosRule::kTemplate).ids(ask("a", "b")), InputError);
}

}  // namespace
}  // namespace una::reward
