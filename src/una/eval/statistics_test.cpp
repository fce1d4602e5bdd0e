#include "una/eval/statistics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

std::vector<double> normals(std::size_t n, std::uint64_t seed, double mean) {
  Rng rng(seed, 1);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) { values.push_back(mean + rng.normal()); }
  return values;
}

TEST(Statistics, IntervalHasTheWidthOfTheNormalLaw) {
  const std::vector<double> values = normals(400, 3, 2);
  double mean = 0, square = 0;
  for (const double value : values) { mean += value / 400; }
  for (const double value : values) { square += (value - mean) * (value - mean) / 400; }
  const Interval interval = mean_interval(values, 1);
  const double half = 1.96 * std::sqrt(square / 400);
  EXPECT_NEAR(interval.mean, mean, 1e-12);
  EXPECT_NEAR(interval.low, mean - half, 0.1 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.1 * half);
}

TEST(Statistics, IntervalCoversTheTruthAboutNineteenTimesInTwenty) {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Interval interval = mean_interval(normals(60, 100 + seed, 0), seed, 400);
    covered += interval.low <= 0 && interval.high >= 0 ? 1 : 0;
  }
  EXPECT_GE(covered, 178);
  EXPECT_LE(covered, 199);
}

TEST(Statistics, PairingRemovesWhatPromptsShare) {
  std::vector<double> before, after;
  for (const double hardness : normals(300, 9, 0)) {
    before.push_back(10 * hardness);
    after.push_back(10 * hardness + 0.25);
  }
  const Interval gain = paired_gain(before, after, 5);
  EXPECT_NEAR(gain.mean, 0.25, 1e-9);
  EXPECT_NEAR(gain.low, 0.25, 1e-9);
  EXPECT_NEAR(gain.high, 0.25, 1e-9);
}

TEST(Statistics, WinRateCountsTiesOneHalf) {
  EXPECT_DOUBLE_EQ(win_rate({0, 0, 0, 1}, {1, 0, 0, 0}, 1).mean, 0.5);
  EXPECT_DOUBLE_EQ(win_rate({0, 0, 0, 0}, {1, 1, 1, 0}, 1).mean, 0.875);
  EXPECT_DOUBLE_EQ(win_rate({1, 1}, {0, 0}, 1).high, 0);
}

TEST(Statistics, SameSeedGivesSameBits) {
  const std::vector<double> values = normals(50, 1, 0);
  EXPECT_EQ(mean_interval(values, 7).low, mean_interval(values, 7).low);
  EXPECT_NE(mean_interval(values, 7).low, mean_interval(values, 8).low);
}

TEST(Statistics, PromptMeansAverageNeighbours) {
  EXPECT_EQ(prompt_means({1, 3, 2, 6}, 2), (std::vector<double>{2, 4}));
  EXPECT_EQ(prompt_means({1, 3}, 1), (std::vector<double>{1, 3}));
  EXPECT_THROW(prompt_means({1, 2, 3}, 2), InternalError);
}

TEST(Statistics, NothingHasNoInterval) {
  EXPECT_THROW(mean_interval({}, 1), InternalError);
  EXPECT_THROW(paired_gain({1}, {}, 1), InternalError);
  const Interval one = mean_interval({3}, 1);
  EXPECT_EQ(one.low, 3);
  EXPECT_EQ(one.high, 3);
}

TEST(Statistics, WilsonsIntervalIsThatOfTheTables) {
  const Interval eight = wilson_interval(8, 10);  // statsmodels: proportion_confint(8, 10, method="wilson")
  EXPECT_NEAR(eight.low, 0.4901624715, 1e-9);
  EXPECT_NEAR(eight.high, 0.9433178485, 1e-9);
  const Interval none = wilson_interval(0, 20);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.1611251581, 1e-9);
}

TEST(Statistics, SharesCountWhatRowsBring) {
  const std::vector<Share> shares = {{1, 1}, {1, 3}, {0, 2}};
  EXPECT_NEAR(ratio(shares), 2.0 / 6, 1e-12);
  EXPECT_NEAR(ratio(shares, {1, 1}), 2.0 / 6, 1e-12);
  const Interval interval = share_interval(shares, 1);
  EXPECT_LT(interval.low, interval.mean);
  EXPECT_GT(interval.high, interval.mean);
}

TEST(Statistics, PairedPValuesAreStudents) {
  // Closed forms: four degrees of freedom 1 - s (1 + c^2 / 2), s and c sine and cosine of atan(t / 2); two
  // 1 - t / sqrt(2 + t^2).
  const double t = 4 / std::sqrt(12.5 / 5), c = 1 / (1 + t * t / 4), s = std::sqrt(1 - c);
  EXPECT_NEAR(paired_p_value({1, 2, 3, 4, 10}), 1 - s * (1 + c / 2), 1e-12);
  EXPECT_NEAR(paired_p_value({1, 2, 3, 4, 10}), 0.064677, 1e-6);
  EXPECT_NEAR(paired_p_value({-1, -2, -3, -4, -10}), 0.064677, 1e-6);
  EXPECT_NEAR(paired_p_value({.3, -.1, .2}), 0.382787, 1e-6);
  EXPECT_NEAR(paired_p_value({1, -1}), 1, 1e-12);
  EXPECT_EQ(paired_p_value({2, 2}), 0);
  EXPECT_EQ(paired_p_value({2}), 1);
}

TEST(Statistics, HolmStepsDown) {
  // statsmodels.stats.multitest.multipletests([.01, .04, .03, .005], method="holm")
  const std::vector<double> adjusted = holm({.01, .04, .03, .005});
  EXPECT_NEAR(adjusted[0], .03, 1e-12);
  EXPECT_NEAR(adjusted[1], .06, 1e-12);
  EXPECT_NEAR(adjusted[2], .06, 1e-12);
  EXPECT_NEAR(adjusted[3], .02, 1e-12);
  EXPECT_EQ(holm({.9, .8}), (std::vector<double>{1, 1}));
}

}  // namespace
}  // namespace una::eval
