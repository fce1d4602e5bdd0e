#include "una/train/step_runner.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <gtest/gtest.h>

#include "una/data/pack.h"
#include "una/train/tiny_testing.h"

namespace una::train {
namespace {

// A policy with a perturbed adapter, so that every gradient is non-zero.
struct Bench {
  explicit Bench(const std::string& method = "una", at::ScalarType dtype = at::kDouble)
      : model(testing::tiny_spec(), 1, {.dtype = dtype}) {
    LoraSpec lora;
    lora.r = 2;
    lora.target_modules = {"all-linear"};
    policy = model.add_adapter(lora, 3, true);
    objective::ObjectiveOptions options;
    options.beta = 0.5;
    options.una_loss = "bce";
    loss = objective::make_objective(method, options);
    reference = std::make_unique<Reference>(model, model::kNoAdapter, "base", "hash");
    runner = std::make_unique<StepRunner>(
        TrainableSet{
            .model = &model, .policy = policy, .objective = loss.get(), .reference = reference.get()},
        StepOptions{}, gang);
    double* values = runner->buffer().values().data_ptr<double>();
    for (std::int64_t i = 0; i < runner->buffer().size(); ++i)
      values[i] += 0.05 * std::sin(static_cast<double>(i));
    model.refresh();
  }
  model::Model model;
  model::AdapterId policy = model::kNoAdapter;
  dist::SoloGang gang;
  std::unique_ptr<objective::Objective> loss;
  std::unique_ptr<Reference> reference;
  std::unique_ptr<StepRunner> runner;
};

StepBatch step_of(const std::vector<Row>& rows, std::int64_t token_budget, bool sharing = true) {
  StepBatch batch;
  const data::PackOptions pack{.token_budget = token_budget, .prefix_sharing = sharing, .min_shared = 1};
  batch.micro_batches = data::pack_rows(rows, pack);
  batch.kl = data::pack_kl_rows(rows, pack);
  batch.rows = static_cast<std::int64_t>(rows.size());
  return batch;
}

TEST(StepRunner, AnyCutIntoMicroBatchesGivesTheSameLossAndGradient) {
  Bench bench;
  const std::vector<Row> rows = testing::tiny_rows(9);
  const StepResult whole = bench.runner->gradients(step_of(rows, 10000), 1);
  const at::Tensor gradient = bench.runner->buffer().grads().clone();
  EXPECT_GT(whole.grad_norm, 1e-3);
  for (const std::int64_t budget : {1, 20}) {
    const StepBatch cut = step_of(rows, budget, false);
    EXPECT_GT(cut.micro_batches.size(), 2U);
    const StepResult result = bench.runner->gradients(cut, 1);
    EXPECT_NEAR(result.loss, whole.loss, 1e-6);
    EXPECT_LT((bench.runner->buffer().grads() - gradient).abs().max().item<double>(), 1e-7);
  }
}

TEST(StepRunner, AStepFollowsAdamWOnTheMeanLoss) {
  Bench bench;
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  const double before = bench.runner->evaluate(batch).means().at("loss");
  for (std::int64_t step = 1; step <= 20; ++step) EXPECT_TRUE(bench.runner->step(batch, step, 1e-2).applied);
  EXPECT_LT(bench.runner->evaluate(batch).means().at("loss"), 0.8 * before);
  EXPECT_EQ(bench.runner->updates(), 20);
}

TEST(StepRunner, ANonFiniteNumberStopsTheStepAndNamesItsRow) {
  Bench bench;
  const StepBatch batch = step_of(testing::tiny_rows(3), 10000);
  bench.runner->buffer().values()[0] = std::numeric_limits<double>::quiet_NaN();
  bench.model.refresh();
  const at::Tensor before = bench.runner->buffer().values().slice(0, 1).clone();
  const StepResult result = bench.runner->step(batch, 1, 1e-2);
  EXPECT_FALSE(result.applied);
  EXPECT_NE(result.trouble.find("not finite"), std::string::npos);
  ASSERT_FALSE(result.bad_rows.empty());
  EXPECT_NE(result.bad_rows[0].find("tiny.jsonl"), std::string::npos);
  EXPECT_TRUE(bench.runner->buffer().values().slice(0, 1).equal(before));
  EXPECT_EQ(bench.runner->updates(), 0);
}

TEST(StepRunner, EvaluationMovesNoRunningMean) {
  Bench bench("kto");
  std::vector<Row> rows = testing::tiny_rows(9);
  for (Row& row : rows) {
    row.unit = Unit::kBinary;
    row.sequences.resize(1);
  }
  const StepBatch batch = step_of(rows, 10000);
  bench.runner->step(batch, 1, 1e-3);
  const Json before = bench.loss->state();
  bench.runner->evaluate(batch);
  EXPECT_EQ(bench.loss->state(), before);
}

}  // namespace
}  // namespace una::train
