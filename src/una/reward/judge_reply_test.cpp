#include "una/reward/judge_reply.h"

#include <gtest/gtest.h>

namespace una::reward {
namespace {

JudgeSettings settings(JudgeMode mode, const std::string& format = "line") {
  JudgeSettings out;
  out.mode = mode;
  out.options.answer_format = format;
  out.scale = mode == JudgeMode::kScore ? ScoreScale{1, 10} : ScoreScale{};
  return out;
}

std::optional<double> mark(const std::string& content, JudgeMode mode, const std::string& format = "line") {
  const Mark read = read_mark(content, settings(mode, format));
  EXPECT_EQ(read.value.has_value(), read.problem.empty()) << content;
  return read.value;
}

TEST(JudgeReply, ScoresStandOnTheLastLineAndOnTheScale) {
  const JudgeMode score = JudgeMode::kScore;
  EXPECT_EQ(mark("It is fine.\nScore: 7\n\n", score), 7);
  EXPECT_EQ(mark("**Score: 7.5**", score), 7.5);
  EXPECT_EQ(mark("score:10\r\n", score), 10);
  for (const char* bad : {"", "7", "Score: 7\nOr maybe 8", "Score: 7/10", "Score: seven", "Score: 11",
                          "Score: 0.5", "Score: nan", "Score:", "The Score: 7", "Score: 7 8"}) {
    EXPECT_FALSE(mark(bad, score).has_value()) << bad;
  }
  EXPECT_NE(read_mark("Score: 11", settings(score)).problem.find("off the scale 1..10"), std::string::npos);
}

TEST(JudgeReply, VerdictsAreWords) {
  EXPECT_EQ(mark("Verdict: yes", JudgeMode::kThumbs), 1);
  EXPECT_EQ(mark("Verdict: No", JudgeMode::kThumbs), 0);
  EXPECT_FALSE(mark("Verdict: maybe", JudgeMode::kThumbs).has_value());
  EXPECT_EQ(mark("Verdict: A", JudgeMode::kPairs), 1);
  EXPECT_EQ(mark("Verdict: b", JudgeMode::kPairs), 0);
  EXPECT_EQ(mark("Verdict: tie", JudgeMode::kPairs), 0.5);
  EXPECT_FALSE(mark("Verdict: yes", JudgeMode::kPairs).has_value());
  EXPECT_FALSE(mark("Verdict: A or B", JudgeMode::kPairs).has_value());
}

TEST(JudgeReply, JsonIsTheWholeReply) {
  EXPECT_EQ(mark("{\"score\": 3, \"why\": \"x\"}", JudgeMode::kScore, "json"), 3);
  EXPECT_EQ(mark("```json\n{\"verdict\": \"no\"}\n```", JudgeMode::kThumbs, "json"), 0);
  for (const char* bad :
       {"{\"score\": \"3\"}", "Well: {\"score\": 3}", "{\"score\": 30}", "[3]", "{\"verdict\": 1}"}) {
    EXPECT_FALSE(mark(bad, JudgeMode::kScore, "json").has_value()) << bad;
  }
}

TEST(JudgeReply, AChatCompletionIsReadWithItsTokens) {
  const ChatReply good =
      read_chat_reply(R"({"choices": [{"message": {"content": "Score: 1"}, "finish_reason": "stop"}],)"
                      R"("usage": {"prompt_tokens": 12, "completion_tokens": 3}})");
  EXPECT_TRUE(good.good);
  EXPECT_EQ(good.content, "Score: 1");
  EXPECT_EQ(good.tokens_in, 12);
  EXPECT_EQ(good.tokens_out, 3);
  const ChatReply cut = read_chat_reply(
      R"({"choices": [{"message": {"content": "Score: 1"}, "finish_reason": "length"}], "usage": null})");
  EXPECT_FALSE(cut.good) << "Score: 1 may have been Score: 10";
  EXPECT_NE(cut.problem.find("max_tokens"), std::string::npos);
  for (const char* bad :
       {"<html>", "{}", "{\"choices\": []}", "{\"choices\": [{\"message\": {\"content\": null}}]}", "[]",
        "{\"choices\": [{\"message\": {\"content\": \"Sco"}) {
    EXPECT_FALSE(read_chat_reply(bad).good) << bad;
    EXPECT_NE(read_chat_reply(bad).problem, "") << bad;
  }
}

}  // namespace
}  // namespace una::reward
