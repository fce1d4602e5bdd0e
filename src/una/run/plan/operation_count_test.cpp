#include "una/run/plan/operation_count.h"

#include <gtest/gtest.h>

#include "una/train/tiny_run_testing.h"

namespace una::run {
namespace {

// Numbers that make each kind of work visible in the digits of the sum.
model::ModelMemory memory_of() {
  model::ModelMemory out;
  out.linears = 1000;
  out.head = 10;
  out.trained = 7;
  return out;
}

ModelSpec flat_spec() {  // attention costs 4 * 2 heads * 3 numbers a pair and layer
  ModelSpec spec = train::testing::tiny_spec();
  spec.num_layers = 1;
  spec.num_heads = 2;
  spec.head_dim = 3;
  return spec;
}

constexpr Work kWork{.tokens = 5, .logps = 2, .pairs = 4, .kl_tokens = 3, .micro_batches = 1};

TEST(OperationCount, AForwardIsTwoPerTokenAndWeight) {
  const OperationCount count(flat_spec(), memory_of(), false, false);
  EXPECT_EQ(count.forward(kWork), 2 * 1000 * 5 + 24 * 4 + 2 * 10 * 2);
}

TEST(OperationCount, AFrozenBaseHasNoWeightGradients) {
  const OperationCount adapters(flat_spec(), memory_of(), false, false);
  const double attention = 24 * 4;
  EXPECT_EQ(adapters.training(kWork), 4 * 1000 * 5 + 3.5 * attention + 4 * 10 * 2 + 6 * 7 * 5);
  const OperationCount full(flat_spec(), memory_of(), true, false);
  EXPECT_EQ(full.training(kWork), 6 * 1000 * 5 + 3.5 * attention + 8 * 10 * 2);
}

TEST(OperationCount, CheckpointingComputesTheLayersTwice) {
  const OperationCount once(flat_spec(), memory_of(), true, false);
  const OperationCount twice(flat_spec(), memory_of(), true, true);
  EXPECT_EQ(twice.training(kWork) - once.training(kWork), 2 * 1000 * 5 + 24 * 4);
}

TEST(OperationCount, MismatchedRowsMeetPolicyAndReference) {
  const OperationCount count(flat_spec(), memory_of(), false, false);
  EXPECT_EQ(count.mismatched(kWork), 2 * 2 * 1000 * 3);
}

// Rows that are mixed in from files are trained on as well.
TEST(OperationCount, AStepIsAllItsMicroBatches) {
  StepBatch step = train::testing::step_of(train::testing::tiny_rows(4), 20);
  step.kl.clear();
  const Work own = work_of(step);
  step.offline = step.micro_batches;
  step.kl = step.micro_batches;
  const Work both = work_of(step);
  EXPECT_EQ(both.tokens, 2 * own.tokens);
  EXPECT_EQ(both.pairs, 2 * own.pairs);
  EXPECT_EQ(both.kl_tokens, own.tokens);
  EXPECT_EQ(own.kl_tokens, 0);
}

}  // namespace
}  // namespace una::run
