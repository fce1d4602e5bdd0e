#include "una/core/loss.h"

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(Loss, MergedMetricsAreSumsNotMeansOfMeans) {
  MetricSums a, b;
  a.add("x", 10, 1);
  b.add("x", 2, 3);
  a.add_max("top", 3);
  b.add_max("top", 5);
  a.add_min("low", 3);
  b.add_min("low", 5);
  a.add("empty", 0, 0);
  a.merge(b);
  const auto means = a.means();
  EXPECT_DOUBLE_EQ(means.at("x"), 3);
  EXPECT_DOUBLE_EQ(means.at("top"), 5);
  EXPECT_DOUBLE_EQ(means.at("low"), 3);
  EXPECT_EQ(means.count("empty"), 0U);
}

}  // namespace
}  // namespace una
