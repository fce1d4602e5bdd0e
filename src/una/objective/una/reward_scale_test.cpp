#include "una/objective/una/reward_scale.h"

#include <cmath>

#include <gtest/gtest.h>

namespace una::objective {
namespace {

MetricSums step_of(const std::vector<double>& rewards) {
  MetricSums sums;
  for (const double reward : rewards) { RewardScale::add_sums(reward, sums); }
  return sums;
}

TEST(RewardScale, BeginsWithTheSpreadOfTheData) {
  RewardScale scale(.9);
  EXPECT_EQ(scale.value(), 1);
  for (const double reward : {1., 3., 5., 7.}) { scale.observe(reward); }
  EXPECT_NEAR(scale.value(), std::sqrt(5.0), 1e-12);
}

TEST(RewardScale, MovesOnceAStepWithDecayedSums) {
  RewardScale scale(.5);
  scale.end_step(step_of({0, 4}));
  EXPECT_NEAR(scale.value(), 2, 1e-12);
  scale.end_step(step_of({8}));
  // Weights .5 .5 1 on 0 4 8: mean 5, variance (.5 * 25 + .5 * 1 + 9) / 2.
  EXPECT_NEAR(scale.value(), std::sqrt(11.0), 1e-12);
  scale.end_step(MetricSums());
  EXPECT_NEAR(scale.value(), std::sqrt(11.0), 1e-12);
}

TEST(RewardScale, ALargeMeanCostsNoDigits) {
  RewardScale scale(1);
  for (const double reward : {1e8, 1e8 + 2}) { scale.observe(reward); }
  EXPECT_NEAR(scale.value(), 1, 1e-6);
}

TEST(RewardScale, EqualRewardsAreNotScaled) {
  RewardScale scale(.9);
  for (int i = 0; i < 3; ++i) { scale.observe(.1); }
  EXPECT_EQ(scale.value(), 1);
}

TEST(RewardScale, TheStateSurvivesARoundTrip) {
  RewardScale first(.9), second(.9);
  first.observe(1.0 / 3);
  first.end_step(step_of({.1, .77, 2.0 / 3}));
  second.load_state(parse_json(first.state().dump(), "test"));
  first.end_step(step_of({.3}));
  second.end_step(step_of({.3}));
  EXPECT_EQ(first.value(), second.value());
}

}  // namespace
}  // namespace una::objective
