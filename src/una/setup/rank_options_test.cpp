#include "una/setup/rank_options.h"

#include <gtest/gtest.h>

namespace una::setup {
namespace {

TEST(RankOptions, MomentsAreSplitWhereEveryWeightTrainsUnlessSaidOtherwise) {
  EXPECT_TRUE(splits_moments({"auto"}, false));
  EXPECT_FALSE(splits_moments({"auto"}, true));
  EXPECT_TRUE(splits_moments({"1"}, true));
  EXPECT_FALSE(splits_moments({"0"}, false));
  for (const char* bad : {"2", "3", "on", ""}) {
    EXPECT_THROW(splits_moments({bad}, true), InputError) << bad;
  }
}

}  // namespace
}  // namespace una::setup
