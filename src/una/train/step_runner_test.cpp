#include "una/train/step_runner.h"

#include <cmath>
#include <limits>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/max.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/data/pack.h"
#include "una/train/checkpoint.h"
#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

// A policy with a perturbed adapter, so that every gradient is non-zero.
struct Bench : testing::TinyRun {
  explicit Bench(const std::string& method = "una",
                 const objective::ObjectiveOptions& options = {.una_loss = "bce"},
                 at::ScalarType dtype = at::kDouble)
      : TinyRun(method, options, {.dtype = dtype}) {
    at::Tensor& values = runner->buffer().values();
    values += 0.05 * at::arange(values.numel(), values.options()).sin();
    model.refresh();
  }
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

TEST(StepRunner, OfflineRowsAddTheGradientOfTheirOwnLossTimesItsWeight) {
  Bench bench;
  const auto offline_loss = objective::make_objective("sft", {});
  bench.runner->set().offline = offline_loss.get();
  bench.runner->set().offline_weight = 0.25;
  const auto gradients = [&](const StepBatch& batch) {
    const StepResult result = bench.runner->gradients(batch, 1);
    return std::pair(result, bench.runner->buffer().grads().clone());
  };
  StepBatch both = step_of(testing::tiny_rows(6), 10000), offline;
  std::vector<Row> rows;
  for (const Row& row : testing::tiny_rows(9)) {
    if (row.unit == Unit::kBinary) { rows.push_back(row); }
  }
  for (Row& row : rows) { row.unit = Unit::kSft; }
  const auto [alone, own] = gradients(both);
  both.offline = offline.micro_batches = step_of(rows, 20).micro_batches;
  EXPECT_GT(both.offline.size(), 1U);
  const auto [mixed, sum] = gradients(both);

  Bench sft("sft");
  const StepResult other = sft.runner->gradients(offline, 1);
  EXPECT_NEAR(mixed.loss, alone.loss + 0.25 * other.loss, 1e-6);
  EXPECT_NEAR(mixed.metrics.means().at("offline/loss"), other.loss, 1e-6);
  const at::Tensor wanted = own + 0.25 * sft.runner->buffer().grads();
  EXPECT_LT((sum - wanted).abs().max().item<double>(), 1e-7);
  EXPECT_GT((sum - own).abs().max().item<double>(), 1e-4);
}

// Labelled rows whose answers begin alike, so that what is learned of one holds behind other prompts.
std::vector<Row> labelled(int n) {
  std::vector<Row> rows = testing::tiny_rows(n);
  for (Row& row : rows) {
    row.unit = Unit::kBinary;
    row.sequences.resize(1);
    Sequence& sequence = row.sequences[0];
    sequence.target = row.index % 2 == 0 ? 1 : 0;
    for (std::size_t t = 4; t < sequence.ids.size(); ++t) { sequence.ids[t] = static_cast<std::int32_t>(t); }
  }
  return rows;
}

TEST(StepRunner, TheKlBaselineIsThatOfTheWholeStepWhateverItsCut) {
  for (const std::string method : {"kto", "una"}) {
    const bool kto = method == "kto";
    Bench bench(method, kto ? objective::ObjectiveOptions{}
                            : objective::ObjectiveOptions{.una_loss = "l1", .una_f = "kto_z0"});
    const std::vector<Row> rows = labelled(8);
    // A policy that likes these answers behind any prompt, so that the baseline is above its clamp.
    std::vector<Row> liked = rows;
    for (Row& row : liked) { row.sequences[0].target = 1; }
    for (std::int64_t step = 1; step <= 10; ++step) { bench.runner->step(step_of(liked, 10000), step, 1e-2); }
    const StepResult whole = bench.runner->gradients(step_of(rows, 10000), 1);
    const at::Tensor gradient = bench.runner->buffer().grads().clone();
    double z0 = 0;
    for (const std::int64_t budget : {10000, 20, 1}) {
      const StepBatch cut = step_of(rows, budget, false);
      const StepResult result = bench.runner->gradients(cut, 1);
      EXPECT_EQ(cut.kl.size() > 1, budget < 10000);
      EXPECT_NEAR(result.loss, whole.loss, 1e-6);
      EXPECT_LT((bench.runner->buffer().grads() - gradient).abs().max().item<double>(), 1e-7);
      const double kl =
          method == "kto" ? result.metrics.means().at("kl") : result.metrics.means().at("una/offset") / -0.5;
      if (z0 == 0) { z0 = kl; }
      EXPECT_NEAR(kl, z0, 1e-9);
    }
    EXPECT_GT(z0, 1e-3) << method << ": nothing was compared";
  }
}

TEST(StepRunner, AMixedBatchIsTheWeightedSumOfItsPartsRunApart) {
  Bench bench;
  const std::vector<Row> rows = testing::tiny_rows(9);
  const StepResult mixed = bench.runner->gradients(step_of(rows, 20, false), 1);
  const at::Tensor gradient = bench.runner->buffer().grads().clone();
  at::Tensor sum = at::zeros_like(gradient);
  double loss = 0;
  for (const Unit unit : {Unit::kPair, Unit::kBinary, Unit::kScore}) {
    std::vector<Row> part;
    for (const Row& row : rows) {
      if (row.unit == unit) { part.push_back(row); }
    }
    const double share = static_cast<double>(part.size()) / static_cast<double>(rows.size());
    const StepResult alone = bench.runner->gradients(step_of(part, 10000), 1);
    loss += share * alone.loss;
    sum += share * bench.runner->buffer().grads();
  }
  EXPECT_NEAR(mixed.loss, loss, 1e-6);
  EXPECT_LT((sum - gradient).abs().max().item<double>(), 1e-7);
}

const objective::ObjectiveOptions kValueOptions{.una_link = "identity", .una_f = "value_head"};

TEST(StepRunner, TheValueHeadsGradientAgreesWithFiniteDifferencesAndNoCutMatters) {
  Bench bench("una", kValueOptions);
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  FlatBuffer& head = *bench.runner->value_buffer();
  bench.runner->gradients(batch, 1);
  const at::Tensor gradient = head.grads().clone();
  for (std::int64_t i = 0; i < head.size(); i += 4) {
    double* value = head.values().data_ptr<double>() + i;
    const double h = 1e-4, middle = *value;
    *value = middle + h;
    const double up = bench.runner->gradients(batch, 1).loss;
    *value = middle - h;
    const double down = bench.runner->gradients(batch, 1).loss;
    *value = middle;
    EXPECT_NEAR(gradient[i].item<double>(), (up - down) / (2 * h), 1e-6) << i;
  }
  bench.runner->gradients(step_of(testing::tiny_rows(6), 1, false), 1);
  EXPECT_LT((head.grads() - gradient).abs().max().item<double>(), 1e-7);
}

TEST(StepRunner, AValueIsThatOfThePromptAndNotOfTheAnswer) {
  Bench bench("una", kValueOptions);
  at::Tensor& head = bench.runner->value_buffer()->values();
  head += 0.1 * at::arange(head.numel(), head.options()).cos();
  Row row = testing::tiny_rows(3)[2];
  const auto value = [&] { return bench.runner->evaluate(step_of({row}, 10000)).means().at("una/offset"); };
  const double before = value();
  for (std::size_t t = 4; t < row.sequences[0].ids.size(); ++t) { row.sequences[0].ids[t] += 1; }
  EXPECT_NEAR(value(), before, 1e-6);
  row.sequences[0].ids[1] += 1;
  EXPECT_GT(std::abs(value() - before), 1e-4);
}

TEST(StepRunner, TheValueHeadLearnsAtItsOwnRateAndLeavesThePolicyAlone) {
  Bench bench("una", kValueOptions);
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  const at::Tensor policy = bench.runner->buffer().values().clone();
  const double before = std::abs(bench.runner->evaluate(batch).means().at("una/residual"));
  for (std::int64_t step = 1; step <= 30; ++step) {
    EXPECT_TRUE(bench.runner->step(batch, step, 0, 3e-2).applied);
  }
  EXPECT_TRUE(bench.runner->buffer().values().equal(policy));
  EXPECT_LT(std::abs(bench.runner->evaluate(batch).means().at("una/residual")), 0.3 * before);
}

TEST(StepRunner, ACheckpointHoldsTheValueHeadBitForBit) {
  const std::string folder = test_folder("value_head_checkpoint");
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  Bench first("una", kValueOptions, at::kFloat), second("una", kValueOptions, at::kFloat);
  for (std::int64_t step = 1; step <= 3; ++step) { first.runner->step(batch, step, 1e-2, 1e-2); }
  RunState state;
  state.position.step = 3;
  write_checkpoint(folder, state, first.runner->buffer(),
                   {.write_model = [](const std::string&) {},
                    .trainer_state = "{}",
                    .value_head = first.runner->value_buffer()});
  load_optimizer(checkpoint_folder(folder, 3), second.runner->buffer(), second.runner->value_buffer());
  second.runner->set_updates(3);
  second.model.refresh();
  for (Bench* bench : {&first, &second}) { bench->runner->step(batch, 4, 1e-2, 1e-2); }
  EXPECT_TRUE(second.runner->buffer().values().equal(first.runner->buffer().values()));
  EXPECT_TRUE(second.runner->value_buffer()->values().equal(first.runner->value_buffer()->values()));
  Bench plain("una", {.una_link = "identity"}, at::kFloat);
  write_checkpoint(folder, state, plain.runner->buffer(),
                   {.write_model = [](const std::string&) {}, .trainer_state = "{}"});
  EXPECT_THROW(
      load_optimizer(checkpoint_folder(folder, 3), second.runner->buffer(), second.runner->value_buffer()),
      InputError);
}

TEST(StepRunner, AStepFollowsAdamWOnTheMeanLoss) {
  Bench bench;
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  const double before = bench.runner->evaluate(batch).means().at("loss");
  for (std::int64_t step = 1; step <= 20; ++step) {
    EXPECT_TRUE(bench.runner->step(batch, step, 1e-2).applied);
  }
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
