#include <cmath>

#include <gtest/gtest.h>

#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

Batch two_rows() {
  Batch batch;
  batch.add(Unit::kSft, 0, {-6, 0, 3}, 1);
  batch.add(Unit::kSft, 0, {-5, 0, 2}, 1);
  return batch;
}

TEST(Sft, TheDivisorIsTheNumberOfLossTokens) {
  const auto outcome = run("sft", {}, two_rows());
  EXPECT_EQ(outcome.counts, (std::vector<double>{5}));
  EXPECT_NEAR(outcome.loss, 11.0 / 5, 1e-12);
  EXPECT_NEAR(outcome.slope[1], -1.0 / 5, 1e-7);
}

TEST(Sft, RowWeightsScaleTheirTokens) {
  Batch batch = two_rows();
  batch.sequences[1].weight = 2;
  EXPECT_NEAR(run("sft", {}, batch).loss, 16.0 / 5, 1e-12);
}

TEST(Sft, StatisticsAreMeansOverTokens) {
  const Batch batch = two_rows();
  ObjectiveInput input = batch.input();
  input.ref_logp = at::Tensor();  // not needed
  input.entropy = at::tensor({1., 2., 3., 4., 5.});
  input.greedy = at::tensor({1, 0, 1, 1, 1}).to(at::kBool);
  const auto means = evaluate(*make_objective("sft", {}), input, {1}).metrics.means();
  EXPECT_NEAR(means.at("entropy"), 3, 1e-12);
  EXPECT_NEAR(means.at("mean_token_accuracy"), .8, 1e-12);
}

TEST(Sft, HasNoLossOfItsOwnAtTheReference) {
  const auto sft = make_objective("sft", {});
  EXPECT_TRUE(std::isnan(sft->loss_at_reference(two_rows().sequences)));
  EXPECT_TRUE(sft->accepts(Unit::kSft));
  EXPECT_FALSE(sft->accepts(Unit::kPair));
}

}  // namespace
}  // namespace una::objective
