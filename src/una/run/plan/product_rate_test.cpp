#include "una/run/plan/product_rate.h"

#include <gtest/gtest.h>

#include "una/train/tiny_testing.h"

namespace una::run {
namespace {

TEST(ProductRate, IsARateOfThisMachine) {
  const double rate = product_rate(train::testing::tiny_spec(), at::kFloat, 64, 0.001);
  EXPECT_GT(rate, 1e5);   // a tiny product is mostly the call
  EXPECT_LT(rate, 1e16);  // no card, no CPU
}

TEST(ProductRate, IsMeasuredOnceForLikeSteps) {
  ModelSpec spec = train::testing::tiny_spec();
  const double first = remembered_product_rate(spec, at::kFloat, 100, at::kCPU);
  EXPECT_EQ(remembered_product_rate(spec, at::kFloat, 120, at::kCPU), first);
  EXPECT_NE(remembered_product_rate(spec, at::kFloat, 300, at::kCPU), first);
  spec.hidden_size *= 2;
  EXPECT_NE(remembered_product_rate(spec, at::kFloat, 100, at::kCPU), first);
}

// Matrices beyond what is worth measuring are cut: 10^12 numbers would not fit into memory.
TEST(ProductRate, HugeShapesAreCut) {
  ModelSpec spec = train::testing::tiny_spec();
  spec.intermediate_size = std::int64_t{1} << 40;
  spec.hidden_size = 1 << 12;
  EXPECT_GT(product_rate(spec, at::kFloat, 16, 0.001), 0);
}

}  // namespace
}  // namespace una::run
