#include "una/objective/metrics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

TEST(Metrics, IdentitiesAreLoggedOnSamplesOfTheirPolicy) {
  Batch batch;
  batch.add(Unit::kBinary, 0, {-3, -4}, 1).sampler = Sampler::kReference;
  batch.add(Unit::kBinary, 0, {-6, -4}, 0).sampler = Sampler::kReference;
  batch.add(Unit::kBinary, 0, {-1, -4}, 0).sampler = Sampler::kPolicy;
  batch.add(Unit::kBinary, 0, {40, -4}, 0);
  for (const std::string method : {"una", "kto"}) {
    const auto objective = make_objective(method, {});
    const MetricSums metrics = run(*objective, batch).metrics;
    EXPECT_NEAR(metrics.means().at("log_ratio/ref"), -.5, 1e-12);
    EXPECT_NEAR(metrics.means().at("log_ratio/policy"), 3, 1e-12);
    const double expected = std::log((std::exp(1.0) + std::exp(-2.0)) / 2);
    EXPECT_NEAR(objective->derived(metrics).at("log_mean_exp_ratio/ref"), expected, 1e-12);
  }
}

// Any policy: sum_i ref_i exp(Delta_i) = sum_i pi_i = 1, here with four answers as often as the reference
// gives them.
TEST(Metrics, TheMeanOfExpDeltaIsOneOnReferenceSamples) {
  const std::vector<double> policy = {.5, .1, .15, .25};
  const std::vector<int> copies = {1, 4, 3, 2};
  Batch batch;
  for (std::size_t i = 0; i < policy.size(); ++i) {
    for (int copy = 0; copy < copies[i]; ++copy) {
      batch.add(Unit::kScore, 0, {std::log(policy[i]), std::log(copies[i] / 10.0)}, .5).sampler =
          Sampler::kReference;
    }
  }
  const auto una = make_objective("una", {});
  const MetricSums metrics = run(*una, batch).metrics;
  EXPECT_NEAR(una->derived(metrics).at("log_mean_exp_ratio/ref"), 0, 1e-12);
  EXPECT_LT(metrics.means().at("log_ratio/ref"), 0);
}

TEST(Metrics, ItIsALogOfOneMeanOverAWholeWindowAndExponentsAreCut) {
  const auto dpo = make_objective("dpo", {});
  Batch first, second;
  first.add_pair({-4, -4}, {1e4, -4});
  second.add_pair({-1e4, -4}, {-4, -4});
  MetricSums window;
  for (Batch* batch : {&first, &second}) {
    for (SequenceMeta& sequence : batch->sequences) { sequence.sampler = Sampler::kReference; }
    window.merge(run(*dpo, *batch).metrics);
  }
  const double expected = std::log((1 + std::exp(20.0) + std::exp(-20.0) + 1) / 4);
  EXPECT_NEAR(dpo->derived(window).at("log_mean_exp_ratio/ref"), expected, 1e-9);
}

TEST(Metrics, NothingIsLoggedWhereNobodyKnowsWhoSampled) {
  const auto una = make_objective("una", {});
  const MetricSums metrics = run(*una, testing::scores_a()).metrics;
  EXPECT_EQ(metrics.means().count("log_ratio/ref"), 0U);
  EXPECT_EQ(una->derived(metrics).count("log_mean_exp_ratio/ref"), 0U);
}

TEST(Metrics, ExplainedVarianceComparesResidualsWithTargets) {
  const auto una = make_objective("una", {.beta = 1, .una_link = "identity"});
  const auto explained = [&](const std::vector<double>& delta) {
    Batch batch;
    const std::vector<double> targets = {.2, .5, .9};
    for (std::size_t i = 0; i < 3; ++i) { batch.add(Unit::kScore, 0, {delta[i] - 4, -4}, targets[i]); }
    return una->derived(run(*una, batch).metrics).at("una/explained_variance");
  };
  EXPECT_NEAR(explained({.2, .5, .9}), 1, 1e-12);
  EXPECT_NEAR(explained({7.2, 7.5, 7.9}), 1, 1e-12);  // a constant is left to the offset
  EXPECT_NEAR(explained({3, 3, 3}), 0, 1e-12);
  EXPECT_NEAR(explained({.2, .5, .5}), 1 - (.16 / 3 - .16 / 9) / .0822222222, 1e-6);
}

TEST(Metrics, InGroupsItIsThatOfDistancesFromTheGroupsMean) {
  const auto una = make_objective("una", {.beta = 1, .una_link = "identity", .una_f = "group"});
  Batch batch;
  for (const double level : {0., 5.}) {
    batch.add(Unit::kGroup, 0, {-4, -4}, .4).raw_score = level + .4;
    batch.add(Unit::kGroup, 1, {-3.7, -4}, .7).raw_score = level + .7;
  }
  EXPECT_NEAR(una->derived(run(*una, batch).metrics).at("una/explained_variance"), 1, 1e-12);
}

}  // namespace
}  // namespace una::objective
