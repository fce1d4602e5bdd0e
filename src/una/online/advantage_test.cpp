#include "una/online/advantage.h"

#include <gtest/gtest.h>

namespace una::online {
namespace {

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) { EXPECT_NEAR(a[i], b[i], 1e-6) << i; }
}

// Golden values of docs/objectives.md, recorded from TRL's PPO.
TEST(Advantage, GaeGivesTheGoldenValues) {
  const Advantages a = generalized_advantages({.05, .05, 1.05}, {.2, -.1, .4}, 1, .95);
  expect_near(a.advantage, {.859125, 1.1675, .65});
  expect_near(a.returns, {1.059125, 1.0675, 1.05});
  expect_near(generalized_advantages({0, 0, 0, 1}, {0, 0, 0, 1}, .9, .95).returns, {.6579225, .7695, .9, 1});
}

TEST(Advantage, Lambda1GivesTheReturnMinusTheValue) {
  const Advantages a = generalized_advantages({1, 2, 3}, {.5, .25, .125}, 1, 1);
  expect_near(a.returns, {6, 5, 3});
  expect_near(a.advantage, {5.5, 4.75, 2.875});
}

TEST(Advantage, WhiteningGoesOverAllAnswersTogether) {
  std::vector<std::vector<double>> values = {{1, 2}, {3, 4}};
  whiten(values, false);
  expect_near(values[0], {-1.161895, -.387298});
  expect_near(values[1], {.387298, 1.161895});
  std::vector<std::vector<double>> kept = {{1, 2, 3, 4}};
  whiten(kept, true);
  EXPECT_NEAR(kept[0][0], 2.5 - 1.161895, 1e-6);
  std::vector<std::vector<double>> one = {{7}};
  whiten(one, false);
  EXPECT_EQ(one[0][0], 7);
}

TEST(Advantage, TheScoreStandsOnTheLastTokenAndKlOnEveryOne) {
  expect_near(token_rewards({-1, -2, -3}, {-1.5F, -1.8F, -3}, 2, .1, KlEstimator::kK1), {-.05, .02, 2});
  const std::vector<double> k3 = token_rewards({.5F, -.2F, 0, 1}, {0, 0, 0, 0}, 0, 1, KlEstimator::kK3);
  EXPECT_NEAR(-(k3[0] + k3[1] + k3[2] + k3[3]) / 4, .123953, 1e-6);
}

}  // namespace
}  // namespace una::online
