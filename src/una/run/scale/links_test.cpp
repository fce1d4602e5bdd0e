#include "una/run/scale/links.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

TEST(Links, AreReadWithTheirUnit) {
  EXPECT_DOUBLE_EQ(parse_rate("100GbE", "link"), 11e9);
  EXPECT_DOUBLE_EQ(parse_rate("400Gb/s", "link"), 50e9);
  EXPECT_DOUBLE_EQ(parse_rate("1.45GB/s", "link"), 1.45e9);
  EXPECT_DOUBLE_EQ(parse_rate("3TB/s", "link"), 3e12);
  for (const char* bad : {"100", "GbE", "-1GbE", "fast", ""}) {
    EXPECT_THROW(parse_rate(bad, "link"), InputError) << bad;
  }
}

TEST(Links, MemoryIsReadWithItsUnit) {
  EXPECT_DOUBLE_EQ(parse_memory("80GB", "rank_memory"), 80.0 * (1 << 30));
  EXPECT_DOUBLE_EQ(parse_memory("512MB", "rank_memory"), 512.0 * (1 << 20));
  for (const char* bad : {"80", "GB", "0GB", "80GB/s", ""}) {
    EXPECT_THROW(parse_memory(bad, "rank_memory"), InputError) << bad;
  }
}

TEST(Links, ASumIsTwoRoundsOfARingAndAGatheringOne) {
  const GangShape gang{.ranks = 5, .machines = 5, .link = 1e9, .local_link = 1, .message = 1e-3};
  EXPECT_DOUBLE_EQ(sum_exchange(gang, 1e9).sent, 1.6e9);
  EXPECT_DOUBLE_EQ(sum_exchange(gang, 1e9).seconds, 1.6 + 8e-3);
  EXPECT_DOUBLE_EQ(gather_exchange(gang, 1e9).seconds, 0.8 + 4e-3);
  EXPECT_EQ(sum_exchange({}, 1e9).seconds, 0);
}

}  // namespace
}  // namespace una::run
