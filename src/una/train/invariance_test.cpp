// What must not change a step: the order of its rows, checkpointing, where the reference comes from, how
// kinds of feedback are mixed. The list of all invariances and of the tests that hold them: docs/parity.md.
#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/data/pack.h"
#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

// On one rank, or on a gang of two threads.
struct Bench : testing::TinyGang {
  explicit Bench(const std::string& method, int ranks = 1, const StepOptions& step = {},
                 const std::string& cache = "")
      : TinyGang(
            ranks, method,
            method == "una" ? objective::ObjectiveOptions{.una_loss = "bce"} : objective::ObjectiveOptions{},
            {.dtype = at::kDouble}, step) {
    each([&](testing::TinyRun& run) {
      if (!cache.empty()) {
        run.reference->set_cache(std::make_unique<ReferenceCache>(cache, "hash", 1 << 20));
      }
      double* values = run.runner->buffer().values().data_ptr<double>();
      for (std::int64_t i = 0; i < run.runner->buffer().size(); ++i) {
        values[i] += 0.05 * std::sin(static_cast<double>(i));
      }
      run.model.refresh();
    });
  }
  at::Tensor gradient(const std::vector<Row>& rows, double* loss_out, std::int64_t budget = 10000) {
    const data::PackOptions pack{.token_budget = budget, .min_shared = 1};
    StepBatch batch;
    batch.micro_batches = data::pack_rows(rows, pack);
    if (run(0).loss->needs().kl_rows) { batch.kl = data::pack_kl_rows(rows, pack); }
    batch.rows = std::ssize(rows);
    *loss_out = gradients(batch, 1).loss;
    return grads();
  }
};

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

// Rows that the method takes.
std::vector<Row> rows_for(const std::string& method) {
  std::vector<Row> rows = testing::tiny_rows(9);
  for (Row& row : rows) {
    if (method == "kto" || method == "sft") {
      row.unit = method == "kto" ? Unit::kBinary : Unit::kSft;
      row.sequences.resize(1);
      row.sequences[0].target = row.index % 3 == 0 ? 0 : 1;
    } else if (method == "dpo" && row.unit != Unit::kPair) {
      row.unit = Unit::kPair;
      row.sequences.push_back(testing::tiny_sequence(static_cast<std::int32_t>(row.index) + 1, 4, 5, 0));
      row.sequences[1].ids.back() = 3;
    }
  }
  return rows;
}

// A method and a number of ranks.
class Invariance : public ::testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  static std::string method() { return std::get<0>(GetParam()); }
  static int ranks() { return std::get<1>(GetParam()); }
};

TEST_P(Invariance, TheOrderOfRowsWithinAStepDoesNotMatter) {
  Bench bench(method(), ranks());
  std::vector<Row> rows = rows_for(method());
  double straight = 0, turned = 0;
  const at::Tensor gradient = bench.gradient(rows, &straight, 40);
  EXPECT_GT(gradient.abs().max().item<double>(), 1e-4);
  std::reverse(rows.begin(), rows.end());
  std::swap(rows[1], rows[4]);
  EXPECT_LT(difference(bench.gradient(rows, &turned, 40), gradient), 1e-12);
  EXPECT_NEAR(straight, turned, 1e-12);
}

TEST_P(Invariance, TheTokenBudgetDoesNotMatter) {
  Bench bench(method(), ranks());
  const std::vector<Row> rows = rows_for(method());
  double whole = 0, cut = 0;
  const at::Tensor gradient = bench.gradient(rows, &whole);
  for (const std::int64_t budget : {1, 17, 40}) {
    EXPECT_LT(difference(bench.gradient(rows, &cut, budget), gradient), 1e-7) << budget;
    EXPECT_NEAR(whole, cut, 1e-7) << budget;
  }
}

TEST_P(Invariance, GradientCheckpointingChangesNoBit) {
  Bench kept(method(), ranks()), recomputed(method(), ranks(), {.gradient_checkpointing = true});
  const std::vector<Row> rows = rows_for(method());
  double a = 0, b = 0;
  EXPECT_TRUE(kept.gradient(rows, &a).equal(recomputed.gradient(rows, &b)));
  EXPECT_EQ(a, b);
}

TEST_P(Invariance, ACachedReferenceGivesTheStepOfALiveOne) {
  const std::string folder = test_folder(cat("invariance-refs-", method(), ranks()));
  Bench live(method(), ranks()), writes(method(), ranks(), {}, folder);
  const std::vector<Row> rows = rows_for(method());
  double a = 0, b = 0, c = 0;
  const at::Tensor gradient = live.gradient(rows, &a);
  EXPECT_TRUE(writes.gradient(rows, &b).equal(gradient));
  Bench reads(method(), ranks(), {}, folder);
  // The cache holds fp32, which is what the reference gives.
  EXPECT_LT(difference(reads.gradient(rows, &c), gradient), 1e-7);
  EXPECT_NEAR(a, c, 1e-7);
  reads.each([](testing::TinyRun& run) { EXPECT_EQ(run.reference->computed_sequences(), 0); });
}

INSTANTIATE_TEST_SUITE_P(Methods, Invariance,
                         ::testing::Combine(::testing::Values("una", "dpo", "kto", "sft", "reward"),
                                            ::testing::Values(1, 2)),
                         [](const auto& each) {
                           return std::get<0>(each.param) +
                                  (std::get<1>(each.param) == 1 ? "" : "OnTwoRanks");
                         });

TEST_P(Invariance, AMixedBatchIsTheWeightedSumOfItsParts) {
  if (method() != "una") { return; }  // the one method that mixes kinds of feedback
  Bench bench(method(), ranks());
  const std::vector<Row> rows = testing::tiny_rows(10);  // 4 pairs, 3 thumbs, 3 scores
  double mixed_loss = 0, sum_loss = 0;
  const at::Tensor mixed = bench.gradient(rows, &mixed_loss);
  at::Tensor sum = at::zeros_like(mixed);
  for (const Unit unit : {Unit::kPair, Unit::kBinary, Unit::kScore}) {
    std::vector<Row> part;
    for (const Row& row : rows) {
      if (row.unit == unit) { part.push_back(row); }
    }
    ASSERT_GT(part.size(), 2U);
    const double share = static_cast<double>(part.size()) / static_cast<double>(rows.size());
    double part_loss = 0;
    sum += share * bench.gradient(part, &part_loss);
    sum_loss += share * part_loss;
  }
  EXPECT_LT(difference(sum, mixed), 1e-7);
  EXPECT_NEAR(sum_loss, mixed_loss, 1e-7);
}

}  // namespace
}  // namespace una::train
