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

// In a namespace of its own: the fixture has the name of what it tests.
namespace una::train::tests {
namespace {

using testing::kValueOptions;
using testing::labelled;
using testing::step_of;
using Bench = testing::PerturbedGang;

// Every test runs on one rank and on a gang of two threads.
class StepRunner : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, StepRunner, ::testing::Values(1, 2),
                         [](const auto& each) { return each.param == 1 ? "One" : "Two"; });

TEST_P(StepRunner, AnyCutIntoMicroBatchesGivesTheSameLossAndGradient) {
  Bench bench(GetParam());
  const std::vector<Row> rows = testing::tiny_rows(9);
  const StepResult whole = bench.gradients(step_of(rows, 10000), 1);
  const at::Tensor gradient = bench.grads();
  EXPECT_GT(whole.grad_norm, 1e-3);
  for (const std::int64_t budget : {1, 20}) {
    const StepBatch cut = step_of(rows, budget, false);
    EXPECT_GT(cut.micro_batches.size(), 2U);
    const StepResult result = bench.gradients(cut, 1);
    EXPECT_NEAR(result.loss, whole.loss, 1e-6);
    EXPECT_LT((bench.grads() - gradient).abs().max().item<double>(), 1e-7);
  }
}

TEST_P(StepRunner, OfflineRowsAddTheGradientOfTheirOwnLossTimesItsWeight) {
  Bench bench(GetParam());
  std::vector<std::unique_ptr<objective::Objective>> offline_losses;
  bench.each([&](testing::TinyRun& run) {
    offline_losses.push_back(objective::make_objective("sft", {}));
    run.runner->set().offline = offline_losses.back().get();
    run.runner->set().offline_weight = 0.25;
  });
  const auto gradients = [&](const StepBatch& batch) {
    const StepResult result = bench.gradients(batch, 1);
    return std::pair(result, bench.grads());
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

  Bench sft(GetParam(), "sft");
  const StepResult other = sft.gradients(offline, 1);
  EXPECT_NEAR(mixed.loss, alone.loss + 0.25 * other.loss, 1e-6);
  EXPECT_NEAR(mixed.metrics.means().at("offline/loss"), other.loss, 1e-6);
  const at::Tensor wanted = own + 0.25 * sft.grads();
  EXPECT_LT((sum - wanted).abs().max().item<double>(), 1e-7);
  EXPECT_GT((sum - own).abs().max().item<double>(), 1e-4);
}

TEST_P(StepRunner, TheKlBaselineIsThatOfTheWholeStepWhateverItsCut) {
  for (const std::string method : {"kto", "una"}) {
    const bool kto = method == "kto";
    Bench bench(GetParam(), method,
                kto ? objective::ObjectiveOptions{}
                    : objective::ObjectiveOptions{.una_loss = "l1", .una_f = "kto_z0"});
    const std::vector<Row> rows = labelled(8);
    // A policy that likes these answers behind any prompt, so that the baseline is above its clamp.
    std::vector<Row> liked = rows;
    for (Row& row : liked) { row.sequences[0].target = 1; }
    for (std::int64_t step = 1; step <= 10; ++step) { bench.step(step_of(liked, 10000), step, 1e-2); }
    const StepResult whole = bench.gradients(step_of(rows, 10000), 1);
    const at::Tensor gradient = bench.grads();
    double z0 = 0;
    for (const std::int64_t budget : {10000, 20, 1}) {
      const StepBatch cut = step_of(rows, budget, false);
      const StepResult result = bench.gradients(cut, 1);
      EXPECT_EQ(cut.kl.size() > 1, budget < 10000);
      EXPECT_NEAR(result.loss, whole.loss, 1e-6);
      EXPECT_LT((bench.grads() - gradient).abs().max().item<double>(), 1e-7);
      const double kl =
          method == "kto" ? result.metrics.means().at("kl") : result.metrics.means().at("una/offset") / -0.5;
      if (z0 == 0) { z0 = kl; }
      EXPECT_NEAR(kl, z0, 1e-9);
    }
    EXPECT_GT(z0, 1e-3) << method << ": nothing was compared";
  }
}

TEST_P(StepRunner, AMixedBatchIsTheWeightedSumOfItsPartsRunApart) {
  Bench bench(GetParam());
  const std::vector<Row> rows = testing::tiny_rows(9);
  const StepResult mixed = bench.gradients(step_of(rows, 20, false), 1);
  const at::Tensor gradient = bench.grads();
  at::Tensor sum = at::zeros_like(gradient);
  double loss = 0;
  for (const Unit unit : {Unit::kPair, Unit::kBinary, Unit::kScore}) {
    std::vector<Row> part;
    for (const Row& row : rows) {
      if (row.unit == unit) { part.push_back(row); }
    }
    const double share = static_cast<double>(part.size()) / static_cast<double>(rows.size());
    const StepResult alone = bench.gradients(step_of(part, 10000), 1);
    loss += share * alone.loss;
    sum += share * bench.grads();
  }
  EXPECT_NEAR(mixed.loss, loss, 1e-6);
  EXPECT_LT((sum - gradient).abs().max().item<double>(), 1e-7);
}

TEST_P(StepRunner, TheValueHeadsGradientAgreesWithFiniteDifferencesAndNoCutMatters) {
  Bench bench(GetParam(), "una", kValueOptions);
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  bench.gradients(batch, 1);
  FlatBuffer& head = *bench.first().runner->value_buffer();
  const at::Tensor gradient = head.grads().clone();
  const auto loss_at = [&](std::int64_t i, double value) {
    bench.each(
        [&](testing::TinyRun& run) { run.runner->value_buffer()->values().data_ptr<double>()[i] = value; });
    return bench.gradients(batch, 1).loss;
  };
  for (std::int64_t i = 0; i < head.size(); i += 4) {
    const double h = 1e-4, middle = head.values()[i].item<double>();
    const double up = loss_at(i, middle + h), down = loss_at(i, middle - h);
    loss_at(i, middle);
    EXPECT_NEAR(gradient[i].item<double>(), (up - down) / (2 * h), 1e-6) << i;
  }
  bench.gradients(step_of(testing::tiny_rows(6), 1, false), 1);
  EXPECT_LT((head.grads() - gradient).abs().max().item<double>(), 1e-7);
}

TEST_P(StepRunner, AValueIsThatOfThePromptAndNotOfTheAnswer) {
  Bench bench(GetParam(), "una", kValueOptions);
  bench.each([](testing::TinyRun& run) {
    at::Tensor& head = run.runner->value_buffer()->values();
    head += 0.1 * at::arange(head.numel(), head.options()).cos();
  });
  Row row = testing::tiny_rows(3)[2];
  const auto value = [&] { return bench.evaluate(step_of({row}, 10000)).means().at("una/offset"); };
  const double before = value();
  for (std::size_t t = 4; t < row.sequences[0].ids.size(); ++t) { row.sequences[0].ids[t] += 1; }
  EXPECT_NEAR(value(), before, 1e-6);
  row.sequences[0].ids[1] += 1;
  EXPECT_GT(std::abs(value() - before), 1e-4);
}

TEST_P(StepRunner, TheValueHeadLearnsAtItsOwnRateAndLeavesThePolicyAlone) {
  Bench bench(GetParam(), "una", kValueOptions);
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  const at::Tensor policy = bench.first().runner->buffer().values().clone();
  const double before = std::abs(bench.evaluate(batch).means().at("una/residual"));
  for (std::int64_t step = 1; step <= 30; ++step) { EXPECT_TRUE(bench.step(batch, step, 0, 3e-2).applied); }
  EXPECT_TRUE(bench.first().runner->buffer().values().equal(policy));
  EXPECT_LT(std::abs(bench.evaluate(batch).means().at("una/residual")), 0.3 * before);
}

TEST_P(StepRunner, ACheckpointHoldsTheValueHeadBitForBit) {
  const std::string folder = test_folder("value_head_checkpoint");
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  Bench first(GetParam(), "una", kValueOptions, at::kFloat),
      second(GetParam(), "una", kValueOptions, at::kFloat);
  for (std::int64_t step = 1; step <= 3; ++step) { first.step(batch, step, 1e-2, 1e-2); }
  RunState state;
  state.position.step = 3;
  write_checkpoint(folder, state, first.first().runner->buffer(),
                   {.write_model = [](const std::string&) {},
                    .trainer_state = "{}",
                    .value_head = first.first().runner->value_buffer()});
  second.each([&](testing::TinyRun& run) {
    load_optimizer(checkpoint_folder(folder, 3), run.runner->buffer(), run.runner->value_buffer());
    run.runner->set_updates(3);
    run.model.refresh();
  });
  for (Bench* bench : {&first, &second}) { bench->step(batch, 4, 1e-2, 1e-2); }
  EXPECT_TRUE(second.first().runner->buffer().values().equal(first.first().runner->buffer().values()));
  EXPECT_TRUE(
      second.first().runner->value_buffer()->values().equal(first.first().runner->value_buffer()->values()));
  Bench plain(GetParam(), "una", {.una_link = "identity"}, at::kFloat);
  write_checkpoint(folder, state, plain.first().runner->buffer(),
                   {.write_model = [](const std::string&) {}, .trainer_state = "{}"});
  EXPECT_THROW(load_optimizer(checkpoint_folder(folder, 3), second.first().runner->buffer(),
                              second.first().runner->value_buffer()),
               InputError);
}

TEST_P(StepRunner, AStepFollowsAdamWOnTheMeanLoss) {
  Bench bench(GetParam());
  const StepBatch batch = step_of(testing::tiny_rows(6), 10000);
  const double before = bench.evaluate(batch).means().at("loss");
  for (std::int64_t step = 1; step <= 20; ++step) { EXPECT_TRUE(bench.step(batch, step, 1e-2).applied); }
  EXPECT_LT(bench.evaluate(batch).means().at("loss"), 0.8 * before);
  EXPECT_EQ(bench.first().runner->updates(), 20);
}

TEST_P(StepRunner, ANonFiniteNumberStopsTheStepAndNamesItsRow) {
  Bench bench(GetParam());
  const StepBatch batch = step_of(testing::tiny_rows(3), 1);
  testing::TinyRun& last = bench.run(bench.size() - 1);  // of two ranks, one has the bad number
  last.runner->buffer().values()[0] = std::numeric_limits<double>::quiet_NaN();
  last.model.refresh();
  const at::Tensor before = last.runner->buffer().values().slice(0, 1).clone();
  const StepResult result = bench.step(batch, 1, 1e-2);
  EXPECT_FALSE(result.applied);
  EXPECT_NE(result.trouble.find("not finite"), std::string::npos);
  ASSERT_FALSE(result.bad_rows.empty());
  EXPECT_NE(result.bad_rows[0].find("tiny.jsonl"), std::string::npos);
  bench.each([&](testing::TinyRun& run) {
    EXPECT_TRUE(run.runner->buffer().values().slice(0, 1).equal(before));
    EXPECT_EQ(run.runner->updates(), 0);
  });
}

TEST_P(StepRunner, EvaluationMovesNoRunningMean) {
  Bench bench(GetParam(), "kto");
  std::vector<Row> rows = testing::tiny_rows(9);
  for (Row& row : rows) {
    row.unit = Unit::kBinary;
    row.sequences.resize(1);
  }
  const StepBatch batch = step_of(rows, 10000);
  bench.step(batch, 1, 1e-3);
  const Json before = bench.first().loss->state();
  bench.evaluate(batch);
  EXPECT_EQ(bench.first().loss->state(), before);
}

}  // namespace
}  // namespace una::train::tests
