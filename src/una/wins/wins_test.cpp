#include "una/wins/wins.h"

#include <gtest/gtest.h>

namespace una::wins {
namespace {

using Preference = reward::Comparer::Preference;

// One answer to each of the prompts, with these texts and scores.
std::vector<rollout::Group> groups_of(
    const rollout::Prompt& prompt,
    const std::vector<std::pair<std::string, std::optional<double>>>& answers) {
  std::vector<rollout::Group> groups;
  for (const auto& [text, score] : answers) {
    rollout::Answer answer;
    answer.text = text;
    answer.scored = score.has_value();
    answer.reward = score.value_or(0);
    groups.push_back({.prompt = &prompt, .answers = {answer}});
  }
  return groups;
}

// Answers by a list, and keeps what it was asked.
struct ScriptedComparer final : reward::Comparer {
  std::vector<Comparison> compare(const std::vector<Pair>& pairs) override {
    for (const Pair& pair : pairs) {
      asked.emplace_back(pair.first->answer.plain, pair.second->answer.plain);
    }
    return verdicts;
  }
  std::vector<Comparison> verdicts;
  std::vector<std::pair<std::string, std::string>> asked;
};

TEST(Wins, ScoresAreComparedPromptByPrompt) {
  const rollout::Prompt prompt;
  const StartAnswers start = start_answers(groups_of(prompt, {{"a", 1}, {"b", 1}, {"c", 1}, {"d", {}}}));
  const PromptShares wins =
      shares_against(start, groups_of(prompt, {{"e", 2}, {"f", 1}, {"g", 0}, {"h", 5}}));
  EXPECT_EQ(wins.shares, (std::vector<double>{1, 0.5, 0}));
  EXPECT_EQ(wins.missing, 1) << "an answer without a score is not a defeat";
}

TEST(Wins, SamplesOfAPromptAreAveraged) {
  const rollout::Prompt prompt;
  std::vector<rollout::Group> before = groups_of(prompt, {{"a", 1}}), now = groups_of(prompt, {{"b", 2}});
  before[0].answers.push_back(before[0].answers[0]);
  now[0].answers.push_back(now[0].answers[0]);
  now[0].answers[1].reward = 0;
  EXPECT_EQ(shares_against(start_answers(before), now).shares, std::vector<double>{0.5});
}

TEST(Wins, AComparerIsAskedAboutAnswersThatDiffer) {
  const rollout::Prompt prompt;
  const auto before = groups_of(prompt, {{"a", {}}, {"b", {}}, {"c", {}}, {"d", {}}, {"e", {}}});
  const auto now = groups_of(prompt, {{"a", {}}, {"B", {}}, {"C", {}}, {"D", {}}, {"E", {}}});
  ScriptedComparer comparer;
  comparer.verdicts = {{Preference::kFirst, ""},
                       {Preference::kSecond, ""},
                       {Preference::kDisagreement, ""},
                       {Preference::kMissing, "no reply"}};
  const PromptShares wins = shares_against(start_answers(before), now, comparer);
  EXPECT_EQ(comparer.asked.front(), (std::pair<std::string, std::string>{"B", "b"}));
  EXPECT_EQ(wins.shares, (std::vector<double>{0.5, 1, 0, 0.5}));
  EXPECT_EQ(wins.missing, 1);
}

TEST(Wins, AnswersOfStep0SurviveACheckpoint) {
  const rollout::Prompt prompt;
  const StartAnswers start = start_answers(groups_of(prompt, {{"a \"b\"", 0.1}, {"c", {}}}));
  const StartAnswers read = read_start(Json::parse(start_json(start).dump()));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0][0].text, "a \"b\"");
  EXPECT_EQ(read[0][0].score, 0.1);
  EXPECT_FALSE(read[1][0].score);
}

}  // namespace
}  // namespace una::wins
