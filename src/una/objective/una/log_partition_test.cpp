#include "una/objective/una/log_partition.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

TEST(LogPartition, GoldenValues) {
  EXPECT_NEAR(log_partition({1, 0, .5, .25}, .5), .579856, 1e-6);
  EXPECT_NEAR(log_partition({0, .5, .25}, .5), .290829, 1e-6);  // the first left out
}

TEST(LogPartition, EqualRewardsGiveThemselves) {
  EXPECT_DOUBLE_EQ(log_partition({.7, .7, .7}, .01), .7);
  EXPECT_DOUBLE_EQ(log_partition({-3}, .01), -3);
}

TEST(LogPartition, TheTemperatureMovesItFromTheLargestToTheMean) {
  EXPECT_NEAR(log_partition({1, 0, .5, .25}, 1e-4), 1 - 1e-4 * std::log(4.0), 1e-9);
  EXPECT_NEAR(log_partition({1, 0, .5, .25}, 1e4), 1.75 / 4, 1e-4);
}

TEST(LogPartition, LargeRewardsDoNotOverflow) {
  EXPECT_NEAR(log_partition({1e4, -1e4}, .001), 1e4 - .001 * std::log(2.0), 1e-9);
}

TEST(LogPartition, NoSampleIsABrokenPromise) { EXPECT_THROW(log_partition({}, .5), InternalError); }

}  // namespace
}  // namespace una::objective
