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

TEST(Loss, MergedUnderAPrefixThePrivateNamesStayOut) {
  MetricSums a, b;
  b.add("x", 2, 4);
  b.add_max("top", 5);
  b.add("_own", 1);
  a.merge(b, "offline/");
  EXPECT_EQ(a.means(), (std::map<std::string, double>{{"offline/x", 0.5}, {"offline/top", 5}}));
}

}  // namespace
}  // namespace una
