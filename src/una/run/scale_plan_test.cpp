#include "una/run/scale_plan.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

// 10 steps of 8 micro-batches; a step is 8 s on one rank that does 1e12 operations a second.
RunPlan plan() {
  RunPlan out;
  out.steps = 10;
  out.work.micro_batches = 80;
  out.operations = 80e12;
  out.model.trained = 25'000'000;  // 100 MB of gradient
  return out;
}

TEST(ScalePlan, OneRankIsNoGang) {
  EXPECT_FALSE(scale_plan(plan(), {}, 1e12).has_value());
  EXPECT_THROW(scale_plan(plan(), {.world_size = 3, .nodes = 2}, 1e12), InputError);
}

TEST(ScalePlan, TheRingSendsTheGradientTwiceLessOneShare) {
  const ScalePlan four = scale_plan(plan(), {.world_size = 4, .nodes = 2, .link = "1GB/s"}, 1e12).value();
  EXPECT_DOUBLE_EQ(four.compute, 2);
  EXPECT_DOUBLE_EQ(four.traffic, 150e6);
  EXPECT_NEAR(four.exchange, 0.15 + 6 * 50e-6, 1e-12);
  EXPECT_NEAR(four.efficiency, 8 / (4 * 2.1503), 1e-12);
  EXPECT_NE(scale_text(four, plan()).find("4 on 2 machines over 1GB/s: a step computes 2 s"),
            std::string::npos)
      << scale_text(four, plan());
}

TEST(ScalePlan, RanksWithoutAMicroBatchWait) {
  const ScalePlan three = scale_plan(plan(), {.world_size = 3}, 1e12).value();
  EXPECT_DOUBLE_EQ(three.compute, 3) << "3, 3 and 2 of the 8 micro-batches";
  EXPECT_NEAR(three.busy, 8.0 / 9, 1e-12);
  const ScalePlan many = scale_plan(plan(), {.world_size = 64}, 1e12).value();
  EXPECT_DOUBLE_EQ(many.compute, 1);
  EXPECT_NE(scale_text(many, plan()).find("hint"), std::string::npos);
}

TEST(ScalePlan, LinksAreReadWithTheirUnit) {
  EXPECT_DOUBLE_EQ(parse_link("100GbE"), 11e9);
  EXPECT_DOUBLE_EQ(parse_link("400Gb/s"), 50e9);
  EXPECT_DOUBLE_EQ(parse_link("11GB/s"), 11e9);
  for (const char* bad : {"100", "GbE", "-1GbE", "fast", ""}) {
    EXPECT_THROW(parse_link(bad), InputError) << bad;
  }
}

}  // namespace
}  // namespace una::run
