#include "una/train/schedule.h"

#include <gtest/gtest.h>

namespace una::train {
namespace {

// Values of transformers' get_scheduler with 10 warm-up steps and 100 steps.
TEST(Schedule, MatchesTransformers) {
  const Schedule linear{"linear", 10, 100, 0.1};
  EXPECT_DOUBLE_EQ(schedule_factor(linear, 0), 0);
  EXPECT_DOUBLE_EQ(schedule_factor(linear, 5), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(linear, 10), 1);
  EXPECT_NEAR(schedule_factor(linear, 55), 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(schedule_factor(linear, 100), 0);
  const Schedule cosine{"cosine", 10, 100, 0.1};
  EXPECT_NEAR(schedule_factor(cosine, 55), 0.5, 1e-12);
  EXPECT_NEAR(schedule_factor(cosine, 40), 0.75, 1e-12);
  EXPECT_NEAR(schedule_factor(Schedule{"cosine_with_min_lr", 0, 100, 0.1}, 100), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule{"constant", 10, 100, 0.1}, 0), 1);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule{"constant_with_warmup", 10, 100, 0.1}, 5), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule{"linear", 0, 100, 0.1}, 0), 1);
}

}  // namespace
}  // namespace una::train
