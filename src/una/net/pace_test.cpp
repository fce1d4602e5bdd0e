#include "una/net/pace.h"

#include <gtest/gtest.h>

namespace una::net {
namespace {

TEST(Pace, RequestsAreSpacedEvenlyAndPausesHold) {
  Pace pace(120);
  EXPECT_LE(pace.ready_at(), 0);
  pace.started(10);
  EXPECT_DOUBLE_EQ(pace.ready_at(), 10.5);
  pace.pause_until(13);
  pace.pause_until(12);
  EXPECT_DOUBLE_EQ(pace.ready_at(), 13);
  pace.started(13);
  EXPECT_DOUBLE_EQ(pace.ready_at(), 13.5);
  Pace free(0);
  free.started(10);
  EXPECT_LE(free.ready_at(), 10);
}

TEST(Pace, BackOffDoublesUpToItsLimitWithKeyedJitter) {
  Rng rng(1, 2), same(1, 2), other(2, 2);
  bool differs = false;
  for (std::int64_t tries = 1; tries < 80; ++tries) {
    const double seconds = backoff_seconds(0.5, 8, tries, rng);
    const double middle = tries > 5 ? 8 : 0.5 * static_cast<double>(1 << (tries - 1));
    EXPECT_GE(seconds, middle * 0.5);
    EXPECT_LE(seconds, middle * 1.5);
    EXPECT_DOUBLE_EQ(seconds, backoff_seconds(0.5, 8, tries, same));
    differs = differs || seconds != backoff_seconds(0.5, 8, tries, other);
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace una::net
