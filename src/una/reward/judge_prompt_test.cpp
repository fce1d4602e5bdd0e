#include "una/reward/judge_prompt.h"

#include <gtest/gtest.h>

namespace una::reward {
namespace {

TEST(JudgePrompt, PlacesAreFilledOnceAndOtherBracesStay) {
  EXPECT_EQ(
      fill("{prompt} {\"a\": {answer}} {other} {", {{"prompt", "say {answer}"}, {"answer", "{prompt}"}}),
      "say {answer} {\"a\": {prompt}} {other} {");
}

TEST(JudgePrompt, TheFinalFormatIsStatedWhereTheTemplateWantsItOrAtTheEnd) {
  EXPECT_EQ(
      with_format("{answer} {format} Thanks.", JudgeMode::kThumbs, true),
      "{answer} Reply with one JSON object and nothing else: {\"verdict\": \"V\"}, where V is yes or no. "
      "Thanks.");
  const std::string line = with_format("{answer}\n", JudgeMode::kScore, false);
  EXPECT_EQ(line.rfind("{answer}\n\nSay", 0), 0U);
  EXPECT_NE(line.find("Score: N, where N is a number from {lo} (worst) to {hi} (best)."), std::string::npos);
}

TEST(JudgePrompt, TheDefaultQuestionsHoldPromptAndAnswers) {
  for (const JudgeMode mode : {JudgeMode::kScore, JudgeMode::kThumbs, JudgeMode::kPairs}) {
    const std::string text = default_template(mode);
    EXPECT_NE(text.find("{prompt}"), std::string::npos);
    EXPECT_NE(text.find("{format}"), std::string::npos);
    EXPECT_NE(text.find(mode == JudgeMode::kPairs ? "{answer_b}" : "{answer}"), std::string::npos);
  }
}

TEST(JudgePrompt, ConversationsAreReadWithTheirRoles) {
  Text chat{.is_chat = true, .plain = "", .messages = {{"user", "hi", ""}}};
  EXPECT_EQ(conversation_text(chat), "hi");
  chat.messages.push_back({"assistant", "hello", ""});
  EXPECT_EQ(conversation_text(chat), "User: hi\n\nAssistant: hello");
  EXPECT_EQ(conversation_text({.is_chat = false, .plain = "p", .messages = {}}), "p");
}

}  // namespace
}  // namespace una::reward
