#include "una/wins/contest.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::wins {
namespace {

using Preference = reward::Comparer::Preference;

// Scores an answer by its length; "?" cannot be scored.
struct LengthReward final : reward::Reward {
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    std::vector<reward::Verdict> verdicts;
    for (const reward::Question& question : questions) {
      const std::string& text = question.answer.plain;
      verdicts.push_back(text == "?" ? reward::failed("no score")
                                     : reward::scored(static_cast<double>(text.size())));
    }
    return verdicts;
  }
  std::string description() const override { return "length"; }
};

// Prefers by a list.
struct ListComparer final : reward::Reward, reward::Comparer {
  std::vector<reward::Verdict> score(const std::vector<reward::Question>&) override { return {}; }
  std::string description() const override { return "list"; }
  reward::Comparer* comparer() override { return this; }
  std::vector<Comparison> compare(const std::vector<Pair>& pairs) override {
    asked += pairs.size();
    return verdicts;
  }
  std::vector<Comparison> verdicts;
  std::size_t asked = 0;
};

Duel duel(std::size_t prompt, const std::string& candidate, const std::string& opponent) {
  Duel out{.prompt = prompt, .candidate = {}, .opponent = {}};
  out.candidate.answer.plain = candidate;
  out.opponent.answer.plain = opponent;
  return out;
}

std::vector<Outcome> judge(const std::vector<Duel>& duels, reward::Reward& reward) {
  return judge_duels(duels, reward, [](double) {}, [] { return false; });
}

TEST(Contest, ScoresDecideAndAMissingOneIsNotADefeat) {
  LengthReward reward;
  const std::vector<Duel> duels = {duel(0, "long", "a"), duel(1, "b", "long"), duel(2, "cc", "dd"),
                                   duel(3, "?", "e")};
  const ContestScore score = score_contest(duels, judge(duels, reward), 4);
  EXPECT_EQ(score.win_rate.mean, 0.5);
  EXPECT_EQ(score.won, 1);
  EXPECT_EQ(score.tied, 1);
  EXPECT_EQ(score.lost, 1);
  EXPECT_EQ(score.prompts, 3);
  EXPECT_EQ(score.missing, 1);
  ASSERT_TRUE(score.gain);
  EXPECT_EQ(score.gain->mean, 0);
  EXPECT_EQ(score.shares[1], 0.0);
  EXPECT_FALSE(score.shares[3]);
}

TEST(Contest, SamplesOfAPromptCountAsOnePrompt) {
  LengthReward reward;
  const std::vector<Duel> duels = {duel(0, "aa", "b"), duel(0, "a", "bb"), duel(0, "aa", "b"),
                                   duel(1, "a", "bb")};
  const ContestScore score = score_contest(duels, judge(duels, reward), 2);
  EXPECT_NEAR(score.win_rate.mean, (2.0 / 3 + 0) / 2, 1e-12);
  EXPECT_EQ(score.prompts, 2);
}

TEST(Contest, AComparerIsNotAskedAboutEqualAnswersAndAFailureIsMissing) {
  ListComparer reward;
  reward.verdicts = {
      {Preference::kFirst, ""}, {Preference::kDisagreement, ""}, {Preference::kMissing, "no reply"}};
  const std::vector<Duel> duels = {duel(0, "a", "b"), duel(1, "same", "same"), duel(2, "a", "b"),
                                   duel(3, "a", "b")};
  const ContestScore score = score_contest(duels, judge(duels, reward), 4);
  EXPECT_EQ(reward.asked, 3U);
  EXPECT_EQ(score.won, 1);
  EXPECT_EQ(score.tied, 2) << "the two orders disagree: a tie";
  EXPECT_EQ(score.missing, 1);
  EXPECT_FALSE(score.gain);
}

TEST(Contest, NoVerdictAtAllIsToldWithTheFirstFailure) {
  LengthReward reward;
  const std::vector<Duel> duels = {duel(0, "?", "a")};
  try {
    score_contest(duels, judge(duels, reward), 1);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("no score"), std::string::npos);
  }
}

TEST(Contest, AStopLeavesAShorterList) {
  LengthReward reward;
  std::vector<Duel> duels;
  for (std::size_t i = 0; i < 100; ++i) { duels.push_back(duel(i, "a", "b")); }
  int looks = 0;
  const auto outcomes = judge_duels(duels, reward, [](double) {}, [&] { return ++looks > 2; });
  EXPECT_EQ(outcomes.size(), 64U);
}

}  // namespace
}  // namespace una::wins
