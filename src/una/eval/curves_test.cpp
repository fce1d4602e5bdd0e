#include "una/eval/curves.h"

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
}

}  // namespace
}  // namespace una::eval
