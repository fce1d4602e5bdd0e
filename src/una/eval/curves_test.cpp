#include "una/eval/curves.h"

#include <cmath>

#include <gtest/gtest.h>

namespace una::eval {
namespace {

TEST(Curves, AValueLiesOnTheLineBetweenTheTwoPointsThatFirstPassIt) {
  const Curve curve = {{0, 1}, {2, 5}, {1, 9}, {4, 3}};
  EXPECT_DOUBLE_EQ(*value_at(curve, 0), 1);
  EXPECT_DOUBLE_EQ(*value_at(curve, 0.5), 2);
  EXPECT_DOUBLE_EQ(*value_at(curve, 2), 5);
  EXPECT_DOUBLE_EQ(*value_at(curve, 2.5), 6);  // between (1, 9) and (4, 3)
  EXPECT_FALSE(value_at(curve, 4.1).has_value());
  EXPECT_FALSE(value_at({}, 0).has_value());
}

TEST(Curves, SeedsGiveAMeanAndStudentsInterval) {
  const SeedMean mean = mean_over_seeds({1, 2, 3, 4, 5});
  EXPECT_DOUBLE_EQ(mean.mean, 3);
  EXPECT_NEAR(mean.half_width, 2.776 * 0.70710678, 1e-3);  // scipy.stats.t.interval(.95, 4, 3, sqrt(.5))
  EXPECT_EQ(mean_over_seeds({7}).half_width, 0);
  std::vector<double> many(21, 0);  // ten of 1, ten of -1: the mean's error is 1 / sqrt(21)
  for (std::size_t i = 0; i < 10; ++i) { many[i] = 1, many[20 - i] = -1; }
  EXPECT_NEAR(mean_over_seeds(many).half_width * std::sqrt(21), 2.0859634, 1e-4)
      << "scipy.stats.t.ppf(.975, 20)";
}

}  // namespace
}  // namespace una::eval
