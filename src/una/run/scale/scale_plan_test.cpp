#include "una/run/scale/scale_plan.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

// 10 steps of 8 equal micro-batches; a step is 8 s on one rank that does 1e12 operations a second.
RunPlan plan() {
  RunPlan out;
  out.steps = 10;
  out.micro_batches.assign(10, std::vector<double>(8, 1.0));
  out.operations = 80e12;
  out.model.trained = 25'000'000;  // 100 MB of gradient
  out.memory = {{"weights", "", 1e9}, {"trained", "", 16 * 25e6}};
  return out;
}

// The update of 25 million numbers takes 0.7 s.
constexpr RankSpeed kSpeed{.operations = 1e12, .bytes = 1e9};

double seconds_of(const ScalePlan& plan, const std::string& name) {
  for (const Phase& phase : plan.phases) {
    if (phase.name == name) { return phase.seconds; }
  }
  return 0;
}

TEST(ScalePlan, OneRankExchangesNothing) {
  const ScalePlan one = scale_plan(plan(), {}, true, kSpeed);
  EXPECT_DOUBLE_EQ(one.seconds, 8.7);
  EXPECT_EQ(one.sent, 0);
  EXPECT_DOUBLE_EQ(one.efficiency, 1);
  EXPECT_FALSE(one.splits);
  EXPECT_THROW(scale_plan(plan(), {.world_size = 3, .nodes = 2}, false, kSpeed), InputError);
}

TEST(ScalePlan, TheRingSendsTheGradientTwiceLessOneShare) {
  const ScalePlan four = scale_plan(plan(), {.world_size = 4, .nodes = 2, .link = "1GB/s"}, false, kSpeed);
  EXPECT_DOUBLE_EQ(seconds_of(four, "forward and backward"), 2);
  EXPECT_DOUBLE_EQ(four.sent, 150e6);
  EXPECT_NEAR(seconds_of(four, "sum of gradients"), 0.15 + 6 * 50e-6, 1e-12);
  EXPECT_NEAR(seconds_of(four, "update"), 0.7, 1e-12);
  EXPECT_NEAR(four.efficiency, 8.7 / (4 * (2 + 0.1503 + 0.7)), 1e-12);
  EXPECT_NE(scale_text(four).find("4 on 2 machines over 1GB/s: 0.76 of the speed"), std::string::npos)
      << scale_text(four);
}

TEST(ScalePlan, SplitMomentsTakeLessMemoryAndOneMoreExchange) {
  const ScalePlan split = scale_plan(plan(), {.world_size = 4, .nodes = 4, .link = "1GB/s"}, true, kSpeed);
  EXPECT_DOUBLE_EQ(split.memory, 1e9 + 10 * 25e6) << "8 bytes a number, and a quarter of 8";
  EXPECT_NEAR(seconds_of(split, "update"), 0.175, 1e-12);
  EXPECT_NEAR(seconds_of(split, "exchange of weights"), 0.075 + 3 * 50e-6, 1e-12);
  EXPECT_DOUBLE_EQ(split.sent, 225e6);
}

TEST(ScalePlan, ASlowLinkOfOneMachineSlowsTheRingOverSeveral) {
  const ScaleOptions two{.world_size = 4, .nodes = 2, .link = "10GB/s", .local_link = "1GB/s"};
  EXPECT_NEAR(seconds_of(scale_plan(plan(), two, false, kSpeed), "sum of gradients"), 0.15 + 6 * 50e-6,
              1e-12);
  const ScaleOptions four{.world_size = 4, .nodes = 4, .link = "10GB/s", .local_link = "1GB/s"};
  EXPECT_NEAR(seconds_of(scale_plan(plan(), four, false, kSpeed), "sum of gradients"), 0.015 + 6 * 50e-6,
              1e-12);
}

TEST(ScalePlan, RanksWithoutAMicroBatchWait) {
  const ScalePlan three = scale_plan(plan(), {.world_size = 3}, false, kSpeed);
  EXPECT_DOUBLE_EQ(seconds_of(three, "forward and backward"), 3) << "3, 3 and 2 of the 8 micro-batches";
  EXPECT_NEAR(three.busy, 8.0 / 9, 1e-12);
  const ScalePlan many = scale_plan(plan(), {.world_size = 64}, false, kSpeed);
  EXPECT_DOUBLE_EQ(seconds_of(many, "forward and backward"), 1);
  EXPECT_NE(scale_text(many).find("ranks wait for each other"), std::string::npos);
}

TEST(ScalePlan, LongMicroBatchesAreDealtFirst) {
  EXPECT_EQ(deal_costs({1, 1, 1, 3}, 2), (std::vector<double>{3, 3}));
  EXPECT_EQ(deal_costs({5, 1}, 3), (std::vector<double>{5, 1, 0}));
}

TEST(ScalePlan, TheSmallestGangIsTheFirstWhoseRanksHaveRoom) {
  const auto smallest = [](const char* memory, bool splits) {
    return scale_plan(plan(), {.world_size = 2, .rank_memory = memory}, splits, kSpeed).smallest;
  };
  EXPECT_EQ(smallest("2GB", true), 1);
  EXPECT_EQ(smallest("1220MB", true), 4) << "1.25e9 bytes at 4 ranks, 1.3e9 at 2";
  EXPECT_EQ(smallest("1220MB", false), 0);
  EXPECT_EQ(smallest("1GB", true), 0);
}

}  // namespace
}  // namespace una::run
