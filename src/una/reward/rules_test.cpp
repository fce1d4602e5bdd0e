#include "una/reward/rules.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::reward {
namespace {

Question ask(const std::string& answer) {
  Question question;
  question.prompt.plain = "prompt";
  question.answer.plain = answer;
  return question;
}

double score_of(const std::string& spec, const std::string& answer) {
  return make_rule(spec)->score({ask(answer)}).front().score.value();
}

std::string refusal(const std::string& spec) {
  try {
    make_rule(spec);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Rules, EachRuleReadsTheAnswer) {
  EXPECT_DOUBLE_EQ(score_of("length:4", "one two three four"), 0);
  EXPECT_DOUBLE_EQ(score_of("length:4", " one  two\n"), -.5);
  EXPECT_DOUBLE_EQ(score_of("length:4", "a b c d e f g h i j k l"), -1);
  EXPECT_DOUBLE_EQ(score_of("regex:^Answer: [0-9]+$", "Answer: 42"), 1);
  EXPECT_DOUBLE_EQ(score_of("regex:^Answer: [0-9]+$", "Answer: no"), 0);
  EXPECT_DOUBLE_EQ(score_of("json", R"({"a": [1, 2]})"), 1);
  EXPECT_DOUBLE_EQ(score_of("json", R"({"a": [1, 2})"), 0);
}

// std::regex recursed once per character, and '.' met no line break: the usual format pattern scored every real answer 0.
TEST(Rules, APatternReadsLongAnswersAndSeveralLines) {
  const std::string thought(200'000, 'x');
  EXPECT_DOUBLE_EQ(score_of("regex:^<think>.*</think>", "<think>" + thought + "\n" + thought + "</think>ok"),
                   1);
  EXPECT_DOUBLE_EQ(score_of("regex:(a+)+$", std::string(100'000, 'a') + "!"), 0);
}

TEST(Rules, APatternThatBacktracksTooLongFailsOnItsAnswerOnly) {
  const std::vector<Verdict> verdicts =
      make_rule("regex:^((?=a)a+)+b$")->score({ask(std::string(60, 'a') + "bx"), ask("aab")});
  EXPECT_FALSE(verdicts[0].score.has_value());
  EXPECT_NE(verdicts[0].failure.find("steps"), std::string::npos) << verdicts[0].failure;
  EXPECT_DOUBLE_EQ(verdicts[1].score.value(), 1);
}

TEST(Rules, AChatAnswerIsTheContentsOfItsTurns) {
  Question question;
  question.answer = {.is_chat = true, .plain = "", .messages = {{"assistant", "Answer: 7", ""}}};
  EXPECT_DOUBLE_EQ(make_rule("regex:^Answer")->score({question}).front().score.value(), 1);
}

TEST(Rules, AnswersAreComparedWithTheGroundTruthOfTheirRow) {
  const auto verdict = [](const std::string& spec, const std::string& answer, const char* truth) {
    Question question = ask(answer);
    if (truth != nullptr) { question.ground_truth = truth; }
    return make_rule(spec)->score({question}).front();
  };
  EXPECT_DOUBLE_EQ(verdict("exact_match", " Paris\n", "Paris").score.value(), 1);
  EXPECT_DOUBLE_EQ(verdict("exact_match", "paris", "Paris").score.value(), 0);
  EXPECT_DOUBLE_EQ(verdict("exact_match:loose", "The paris.", "Paris").score.value(), 1);
  EXPECT_DOUBLE_EQ(verdict("math", "so it is 0.5", "1/2").score.value(), 1);
  EXPECT_DOUBLE_EQ(verdict("math", "so it is 0.51", "1/2").score.value(), 0);
  EXPECT_DOUBLE_EQ(verdict("math:0.1", "so it is 0.51", "1/2").score.value(), 1);
  const Verdict without = verdict("math", "5", nullptr);
  EXPECT_FALSE(without.score.has_value());
  EXPECT_NE(without.failure.find("--ground_truth_column"), std::string::npos);
  EXPECT_NE(refusal("math:x").find("math:1e-3"), std::string::npos);
  EXPECT_NE(refusal("exact_match:tight").find("exact_match:loose"), std::string::npos);
}

TEST(Rules, CommandsReadTheGroundTruthToo) {
  Question question = ask("5");
  question.ground_truth = "right";
  const auto reward = make_rule(
      "command:while read -r row; do case $row in *'\"ground_truth\":\"right\"'*) "
      "echo 1;; *) echo 0;; esac; done");
  const std::vector<Verdict> verdicts = reward->score({question, ask("5")});
  EXPECT_DOUBLE_EQ(verdicts[0].score.value(), 1);
  EXPECT_DOUBLE_EQ(verdicts[1].score.value(), 0);
}

TEST(Rules, ScalesAreDeclaredWhereTheyAreKnown) {
  const auto scale = [](const std::string& spec) { return make_rule(spec)->scale(); };
  EXPECT_EQ(scale("length:4")->lo, -1);
  EXPECT_EQ(scale("length:4")->hi, 0);
  EXPECT_EQ(scale("json")->hi, 1);
  EXPECT_FALSE(scale("command:cat").has_value());
  std::vector<std::unique_ptr<Reward>> parts;
  parts.push_back(make_rule("length:4"));
  parts.push_back(make_rule("json"));
  const auto sum = make_weighted(std::move(parts), {2, -3});
  EXPECT_EQ(sum->scale()->lo, -5);
  EXPECT_EQ(sum->scale()->hi, 0);
}

TEST(Rules, BadSpecificationsAreRefusedWithAdvice) {
  EXPECT_NE(refusal("lenght:4").find("unknown kind 'lenght' (known: model, length"), std::string::npos);
  EXPECT_NE(refusal("lenght:4").find("did you mean length?"), std::string::npos);
  EXPECT_NE(refusal("-f1").find("a comma separates rewards"), std::string::npos);
  EXPECT_NE(refusal("length:four").find("length:40"), std::string::npos);
  EXPECT_NE(refusal("regex:(").find("reward regex:( is not a regular expression"), std::string::npos);
  EXPECT_NE(refusal("command:").find("after the colon"), std::string::npos);
}

TEST(Rules, ACommandScoresEveryRowAndAMissingScoreIsNoZero) {
  const auto reward = make_rule(
      "command:while read -r row; do case $row in *good*) echo 1.5;; *bad*) "
      "echo '{\"score\": -2}';; *) echo NaN;; esac; done");
  const std::vector<Verdict> verdicts = reward->score({ask("good"), ask("bad"), ask("odd")});
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_DOUBLE_EQ(verdicts[0].score.value(), 1.5);
  EXPECT_DOUBLE_EQ(verdicts[1].score.value(), -2);
  EXPECT_FALSE(verdicts[2].score.has_value());
  EXPECT_NE(verdicts[2].failure.find("line 3 is not a number: NaN"), std::string::npos);
}

TEST(Rules, ACommandThatDiesOrPrintsTooLittleIsNamed) {
  EXPECT_THROW(make_rule("command:exit 3")->score({ask("x")}), InputError);
  EXPECT_THROW(make_rule("command:echo 1")->score({ask("x"), ask("y")}), InputError);
}

TEST(Rules, ACommandThatHangsOrNeverStopsWritingIsEnded) {
  const auto words = [](const std::string& command) -> std::string {
    try {
      make_rule("command:" + command, 0.3)->score({ask("x"), ask("y")});
    } catch (const InputError& error) { return error.what(); }
    return "no error";
  };
  EXPECT_NE(words("sleep 30").find("did not end within 0.3 s"), std::string::npos) << words("sleep 30");
  EXPECT_NE(words("yes 1").find("more than 2 lines"), std::string::npos) << words("yes 1");
  // what it leaves behind is not waited for; its own standard error is closed, or a caller of this test would wait for it
  EXPECT_EQ(words("sleep 30 2>/dev/null & echo 1; echo 2"), "no error");
}

TEST(Rules, CommandsSeeToolsAndAllThatATurnHolds) {
  Question question = ask("");
  question.prompt = {
      .is_chat = true, .plain = "", .messages = {{"user", "the weather?", R"({"name": "Ann"})"}}};
  question.answer = {
      .is_chat = true,
      .plain = "",
      .messages = {{"assistant", "", R"({"tool_calls": [{"function": {"name": "weather"}}]})"}}};
  question.tools = R"([{"type": "function"}])";
  const Json row = question_json(question);
  EXPECT_EQ(row["prompt"][0]["name"], "Ann");
  EXPECT_EQ(row["completion"][0]["tool_calls"][0]["function"]["name"], "weather");
  EXPECT_EQ(row["tools"][0]["type"], "function");
  EXPECT_EQ(row["answer"], "");
  EXPECT_FALSE(question_json(ask("x")).contains("completion"));
}

TEST(Rules, ASumOfRewardsHasWeightsAndKeepsFailures) {
  std::vector<std::unique_ptr<Reward>> parts;
  parts.push_back(make_rule("regex:yes"));
  parts.push_back(
      make_rule("command:while read -r row; do case $row in *odd*) echo null;; *) echo 3;; esac; done"));
  const auto sum = make_weighted(std::move(parts), {2, .5});
  const std::vector<Verdict> verdicts = sum->score({ask("yes"), ask("no"), ask("odd yes")});
  EXPECT_DOUBLE_EQ(verdicts[0].score.value(), 3.5);
  EXPECT_DOUBLE_EQ(verdicts[1].score.value(), 1.5);
  EXPECT_FALSE(verdicts[2].score.has_value());
  EXPECT_EQ(sum->description().rfind("2 * rule regex:yes + 0.5 * command", 0), 0U);
}

}  // namespace
}  // namespace una::reward
