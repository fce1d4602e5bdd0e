#include "una/generate/slot_pool.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::generate {
namespace {

TEST(SlotPool, TakesTheFirstRunThatFits) {
  SlotPool pool(10);
  EXPECT_EQ(pool.take(4), 0);
  EXPECT_EQ(pool.take(3), 4);
  EXPECT_EQ(pool.take(4), -1);
  EXPECT_EQ(pool.take(3), 7);
  EXPECT_EQ(pool.free_slots(), 0);
  pool.give_back(4, 3);
  EXPECT_EQ(pool.take(2), 4);
  EXPECT_EQ(pool.take(0), 0) << "nothing can always be had";
}

TEST(SlotPool, FreedNeighboursJoin) {
  SlotPool pool(9);
  for (int i = 0; i < 3; ++i) { pool.take(3); }
  pool.give_back(0, 3);
  pool.give_back(6, 3);
  EXPECT_EQ(pool.take(4), -1);
  pool.give_back(3, 3);
  EXPECT_EQ(pool.take(9), 0);
}

TEST(SlotPool, GrowsAtItsEnd) {
  SlotPool pool(4);
  EXPECT_EQ(pool.take(2), 0);
  pool.grow(8);
  EXPECT_EQ(pool.slots(), 8);
  EXPECT_EQ(pool.take(6), 2);
}

TEST(SlotPool, GivingBackTwiceIsABrokenPromise) {
  SlotPool pool(8);
  pool.take(8);
  pool.give_back(2, 4);
  EXPECT_THROW(pool.give_back(3, 2), InternalError);
  EXPECT_THROW(pool.give_back(0, 3), InternalError);
  EXPECT_THROW(pool.give_back(7, 2), InternalError);
}

}  // namespace
}  // namespace una::generate
