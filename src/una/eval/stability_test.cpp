#include "una/eval/stability.h"

#include <gtest/gtest.h>

namespace una::eval {
namespace {

TEST(Stability, AStraightLossHasNoNoiseHoweverSteepItIs) {
  EXPECT_NEAR(loss_noise({5, 4, 3, 2, 1}).variance, 0, 1e-15);
  EXPECT_EQ(loss_noise({5, 4}).variance, 0);
}

// By numpy: y = [3, 1, 2, 0]; r = y - polyval(polyfit(x, y, 1), x); sum(r**2) / 2 is 0.9, the range 3.
TEST(Stability, TheNoiseIsWhatAStraightLineLeaves) {
  const LossNoise noise = loss_noise({3, 1, 2, 0});
  EXPECT_NEAR(noise.variance, 0.9, 1e-12);
  EXPECT_NEAR(noise.relative, 0.1, 1e-12);
  const LossNoise scaled = loss_noise({30, 10, 20, 0});
  EXPECT_NEAR(scaled.variance, 90, 1e-9);
  EXPECT_NEAR(scaled.relative, 0.1, 1e-12) << "without a unit";
}

TEST(Stability, StepsAreCountedToAShareOfTheLastFigure) {
  const std::vector<std::pair<double, double>> curve = {{10, 0.4}, {20, 0.8}, {40, 1}};
  EXPECT_NEAR(steps_to_share(curve, 0.9).value(), 30, 1e-12);
  EXPECT_NEAR(steps_to_share(curve, 0.2).value(), 5, 1e-12);
  EXPECT_NEAR(steps_to_share({{10, 2}, {20, 1}}, 0.9).value(), 4.5, 1e-12) << "what comes first counts";
  EXPECT_FALSE(steps_to_share({{10, -1}}, 0.9).has_value());
  EXPECT_FALSE(steps_to_share({}, 0.9).has_value());
}

TEST(Stability, EqualityNeedsProofToo) {
  const std::vector<double> tight = {0.001, -0.002, 0.002, 0, -0.001},
                            loose = {0.05, -0.06, 0.04, -0.03, 0.01};
  EXPECT_EQ(verdict_of(tight, 1, 0.02), Verdict::kEqual);
  EXPECT_EQ(verdict_of(tight, 1, 0.001), Verdict::kUndecided) << "a narrower margin is harder to prove";
  EXPECT_EQ(verdict_of(loose, 1, 0.02), Verdict::kUndecided);
  EXPECT_EQ(verdict_of({0.1, 0.11, 0.09}, 0.01, 0.02), Verdict::kAbove);
  EXPECT_EQ(verdict_of({-0.1, -0.11, -0.09}, 0.01, 0.02), Verdict::kBelow);
  EXPECT_EQ(verdict_of({0.1, 0.11, 0.09}, 0.2, 0.02), Verdict::kUndecided) << "not after the correction";
  EXPECT_EQ(verdict_of({0.5}, 0, 0.02), Verdict::kUndecided) << "one seed decides nothing";
}

}  // namespace
}  // namespace una::eval
