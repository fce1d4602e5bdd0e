#include "una/train/router_metrics.h"

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

TEST(RouterMetrics, LoadsAreMultiplesOfAnEvenSpreadWeightedByTokens) {
  MetricSums sums;
  // Two layers of three experts, five tokens, two experts each.
  const at::Tensor counts = at::tensor({5.0, 5.0, 0.0, 4.0, 1.0, 5.0}, at::kDouble).view({2, 3});
  add_router_metrics({.tokens = counts, .aux_loss = 2}, 5, sums);
  EXPECT_NEAR(sums.means().at("expert_load/0"), 9 * 3 / 20.0, 1e-12);
  EXPECT_NEAR(sums.means().at("expert_load/1"), 6 * 3 / 20.0, 1e-12);
  EXPECT_NEAR(sums.means().at("expert_load/2"), 5 * 3 / 20.0, 1e-12);
  EXPECT_NEAR(sums.means().at("expert_load/max"), 5 * 3 / 10.0, 1e-12);
  add_router_metrics({.tokens = counts.flip({1}), .aux_loss = 1}, 15, sums);
  EXPECT_NEAR(sums.means().at("expert_load/0"), (9 * 5 + 5 * 15) * 3 / 20.0 / 20, 1e-12);
  EXPECT_NEAR(sums.means().at("aux_loss"), 1.25, 1e-12);
}

TEST(RouterMetrics, ADenseModelHasNone) {
  MetricSums sums;
  add_router_metrics({}, 5, sums);
  EXPECT_TRUE(sums.entries().empty());
}

// One step of sft on a tiny mixture of experts.
struct SparseRun {
  explicit SparseRun(const StepOptions& options, bool config_asks = false) {
    ModelSpec spec = testing::tiny_spec();
    spec.model_type = "qwen3_moe";
    spec.qk_norm = QkNorm::kHead;
    spec.moe = {.num_experts = 4,
                .experts_per_token = 2,
                .expert_size = 8,
                .router_aux_loss_coef = 0.5,
                .output_router_logits = config_asks};
    model =
        std::make_unique<model::Model>(spec, 1, model::LoadOptions{.train_full = true, .train_router = true});
    loss = objective::make_objective("sft", {});
    runner = std::make_unique<StepRunner>(TrainableSet{.model = model.get(), .objective = loss.get()},
                                          options, alone);
  }
  StepResult gradients(std::int64_t budget) {
    std::vector<Row> rows;
    for (Row& row : testing::tiny_rows(9)) {
      if (row.unit != Unit::kBinary) { continue; }
      row.unit = Unit::kSft;
      rows.push_back(row);
    }
    return runner->gradients(testing::step_of(rows, budget), 1);
  }
  dist::SoloGang alone;
  std::unique_ptr<model::Model> model;
  std::unique_ptr<objective::Objective> loss;
  std::unique_ptr<StepRunner> runner;
};

TEST(RouterMetrics, TheBalancingLossIsAddedWithItsWeightWhereAsked) {
  for (const std::int64_t budget : {10000, 20}) {
    SparseRun plain({}), asked({.output_router_logits = true}),
        weighted({.output_router_logits = true, .router_aux_loss_coef = 2});
    SparseRun config({}, true), none({.router_aux_loss_coef = 0}, true);
    const StepResult base = plain.gradients(budget);
    const double aux = base.metrics.means().at("aux_loss");
    EXPECT_GE(aux, 1.9) << "2 where the spread is even";
    EXPECT_NEAR(asked.gradients(budget).loss, base.loss + 0.5 * aux, 1e-6);
    EXPECT_NEAR(config.gradients(budget).loss, base.loss + 0.5 * aux, 1e-6);
    EXPECT_NEAR(weighted.gradients(budget).loss, base.loss + 2 * aux, 1e-6);
    EXPECT_NEAR(none.gradients(budget).loss, base.loss, 1e-6);
    // The gradient is linear in the weight.
    const auto change = [&](SparseRun& run) {
      return run.runner->buffer().grads() - plain.runner->buffer().grads();
    };
    EXPECT_GT(change(asked).abs().max().item<double>(), 1e-4);
    EXPECT_LT((change(weighted) - 4 * change(asked)).abs().max().item<double>(), 1e-6);
    EXPECT_LT(change(none).abs().max().item<double>(), 1e-9);
  }
}

TEST(RouterMetrics, ADenseModelHasNoBalancingLoss) {
  for (const StepOptions& options :
       {StepOptions{.output_router_logits = true}, {.router_aux_loss_coef = 1}}) {
    EXPECT_THROW(testing::TinyRun("sft", {}, {}, options), InputError);
  }
}

}  // namespace
}  // namespace una::train
