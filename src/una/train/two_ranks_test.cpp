// A gang of two ranks against one process: the steps are the same.
#include <array>
#include <functional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <gtest/gtest.h>

#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

using testing::kValueOptions;
using testing::labelled;
using testing::step_of;
using Bench = testing::PerturbedGang;

// What two ranks compute after three steps is what one computes, up to the order in which the gradients of the
// micro-batches are added.
void compare_two_ranks(const std::string& method, const objective::ObjectiveOptions& options,
                       const StepOptions& step, const StepBatch& batch) {
  SCOPED_TRACE(method + (step.dropout ? " with dropout" : ""));
  Bench one(1, method, options, at::kDouble, step), two(2, method, options, at::kDouble, step);
  ASSERT_GT(batch.micro_batches.size(), 3U);
  for (std::int64_t number = 1; number <= 3; ++number) {
    const StepResult a = one.step(batch, number, 1e-2, 1e-2), b = two.step(batch, number, 1e-2, 1e-2);
    EXPECT_TRUE(b.applied);
    EXPECT_NEAR(a.loss, b.loss, 1e-10);
    EXPECT_NEAR(a.grad_norm, b.grad_norm, 1e-10);
    const auto left = a.metrics.means(), right = b.metrics.means();
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, value] : left) { EXPECT_NEAR(value, right.at(name), 1e-8) << name; }
  }
  EXPECT_LT((one.values() - two.values()).abs().max().item<double>(), 1e-9);
  const auto left = one.evaluate(batch).means(), right = two.evaluate(batch).means();
  ASSERT_EQ(left.size(), right.size());
  for (const auto& [name, value] : left) { EXPECT_NEAR(value, right.at(name), 1e-8) << name; }
}

TEST(TwoRanks, TwoRanksTakeTheStepsOfOne) {
  const std::vector<Row> mixed = testing::tiny_rows(9), thumbs = labelled(9);
  std::vector<Row> demonstrations = thumbs, pairs;
  for (Row& row : demonstrations) { row.unit = Unit::kSft; }
  for (const Row& row : testing::tiny_rows(18)) {
    if (row.unit == Unit::kPair) { pairs.push_back(row); }
  }
  const auto cut = [](const std::vector<Row>& rows) { return step_of(rows, 12, false); };
  for (const bool dropout : {false, true}) {
    const StepOptions step{.dropout = dropout};
    compare_two_ranks("una", {.una_loss = "bce"}, step, cut(mixed));
    compare_two_ranks("una", {.una_loss = "l1", .una_f = "kto_z0"}, step, cut(thumbs));
    compare_two_ranks("una", {.una_loss = "mse", .una_f = "running"}, step, cut(mixed));
    compare_two_ranks("una", kValueOptions, step, cut(mixed));
    compare_two_ranks("dpo", {}, step, cut(pairs));
    compare_two_ranks("kto", {}, step, cut(thumbs));
    compare_two_ranks("sft", {}, step, cut(demonstrations));
    compare_two_ranks("reward", {}, step, cut(pairs));
  }
}

TEST(TwoRanks, AStopOnOneRankLeavesTheStepOnAllAndChangesNothing) {
  Bench two(2, "una", {.una_loss = "mse", .una_f = "running"}, at::kDouble, {});
  const StepBatch batch = step_of(testing::tiny_rows(9), 12, false);
  ASSERT_GT(batch.micro_batches.size(), 3U);
  const at::Tensor before = two.values();
  const Json state = two.run(0).loss->state();
  std::array<int, 2> asked = {0, 0}, left = {0, 0};
  const auto stopped = [&](const std::function<void(testing::TinyRun & run)>& work) {
    two.together([&](testing::TinyRun& run) {
      const auto rank = static_cast<std::size_t>(&run == &two.run(1) ? 1 : 0);
      run.runner->stop_when([&, rank] { return rank == 1 && ++asked[rank] == 2; });
      try {
        work(run);
      } catch (const StepStopped&) { ++left[rank]; }
      run.runner->stop_when({});
    });
  };
  stopped([&](testing::TinyRun& run) { run.runner->step(batch, 1, 1e-2); });
  EXPECT_EQ(asked[1], 2) << "asked before each micro-batch, until the stop";
  EXPECT_EQ(left, (std::array<int, 2>{1, 1}));
  asked = {0, 0};
  stopped([&](testing::TinyRun& run) { run.runner->evaluate(batch); });
  EXPECT_EQ(left, (std::array<int, 2>{2, 2}));
  two.each([&](testing::TinyRun& run) { EXPECT_EQ(run.loss->state(), state); });
  EXPECT_TRUE(two.values().equal(before));
  EXPECT_TRUE(two.step(batch, 1, 1e-2).applied);  // and is done whole afterwards
}

// ZeRO stage 1: only where the moments are kept is different.
TEST(TwoRanks, SplitMomentsGiveTheWeightsOfWholeOnesBitForBit) {
  const StepBatch batch = step_of(testing::tiny_rows(9), 12, false);
  for (const int ranks : {2, 3}) {
    StepOptions options{.max_grad_norm = 1e-3, .weight_decay = 0.1};
    Bench whole(ranks, "una", {.una_loss = "bce"}, at::kFloat, options);
    options.split_moments = true;
    Bench split(ranks, "una", {.una_loss = "bce"}, at::kFloat, options);
    std::int64_t moments = 0;
    split.each([&](testing::TinyRun& run) { moments += run.runner->buffer().exp_avg().numel(); });
    EXPECT_EQ(moments, split.first().runner->buffer().size());
    for (std::int64_t number = 1; number <= 5; ++number) {
      const StepResult a = whole.step(batch, number, 1e-2), b = split.step(batch, number, 1e-2);
      EXPECT_TRUE(b.applied);
      EXPECT_GT(a.grad_norm, 1e-3) << "clipped by the norm of the whole";
      EXPECT_EQ(a.grad_norm, b.grad_norm);
      EXPECT_EQ(a.loss, b.loss);
    }
    EXPECT_TRUE(whole.values().equal(split.values())) << ranks;
  }
}

TEST(TwoRanks, RanksDrawDropoutMasksOfTheirOwn) {
  Bench two(2, "sft", {}, at::kDouble, {.dropout = true});
  std::vector<Row> rows = labelled(2);
  for (Row& row : rows) { row.unit = Unit::kSft; }
  rows[1].sequences = rows[0].sequences;  // the same content on both ranks
  two.gradients(step_of(rows, 1), 1);
  const at::Tensor both = two.grads();
  two.gradients(step_of({rows[0]}, 1), 1);
  EXPECT_GT((both - two.grads()).abs().max().item<double>(), 1e-6) << "one mask drawn twice";
}

}  // namespace
}  // namespace una::train
