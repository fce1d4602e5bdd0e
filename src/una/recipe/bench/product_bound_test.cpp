#include "una/recipe/bench/product_bound.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "una/core/tiny_spec_testing.h"

namespace una::recipe {
namespace {

PackedBatch batch_of(std::int64_t tokens, std::int64_t logps) {
  PackedBatch out;
  out.tokens = at::arange(tokens);
  out.logp_rows = out.logp_targets = at::arange(logps);
  return out;
}

double bound(const ModelSpec& spec, const std::vector<PackedBatch>& batches) {
  return product_bound(spec, at::kFloat, 2, batches);
}

// Each shape is timed once, so that the same batch three times is exactly three of it.
TEST(ProductBound, CountsEachBatch) {
  const ModelSpec spec = tiny_spec();
  EXPECT_GT(bound(spec, {batch_of(12, 5)}), 0);
  EXPECT_EQ(bound(spec, {}), 0);
}

// 300 wanted rows are a chunk of 256 and one of 44: with layers that are nothing next to the head, the bound is near that of
// the two chunks and far from none.
TEST(ProductBound, TheHeadCounts) {
  const ModelSpec spec = tiny_spec({.vocabulary = 40000});
  EXPECT_GT(bound(spec, {batch_of(300, 300)}), 2 * bound(spec, {batch_of(300, 0)}));
}

TEST(ProductBound, MixturesHaveNone) {
  ModelSpec spec = tiny_spec();
  spec.moe.num_experts = 4;
  spec.moe.experts_per_token = 2;
  spec.moe.expert_size = 8;
  EXPECT_EQ(bound(spec, {batch_of(12, 5)}), 0);
}

}  // namespace
}  // namespace una::recipe
