#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::labels_kto;
using testing::run;

TEST(Kto, GoldenValuesAndSlopes) {
  const auto kto = make_objective("kto", {});
  kto->begin_step(1 + .5 - 1 + 1, 4);
  const auto outcome = run(*kto, labels_kto());
  EXPECT_NEAR(outcome.loss, .471959, 1e-6);
  const std::vector<double> expected = {-.006244, .006221, -.006250, .006163};
  for (std::size_t s = 0; s < 4; ++s) { EXPECT_NEAR(outcome.slope[s], expected[s], 1e-6); }
  const auto means = outcome.metrics.means();
  EXPECT_NEAR(means.at("kl"), .375, 1e-12);
  EXPECT_NEAR(means.at("rewards/chosen"), .075, 1e-12);
  EXPECT_NEAR(means.at("rewards/rejected"), -.15, 1e-12);
  EXPECT_NEAR(kto->derived(outcome.metrics).at("rewards/margins"), .225, 1e-12);
}

TEST(Kto, ClassWeightsScaleAndDoNotChangeTheDivisor) {
  const auto kto = make_objective("kto", {.undesirable_weight = 1.33});
  kto->begin_step(1.5, 4);
  const auto outcome = run(*kto, labels_kto());
  EXPECT_NEAR(outcome.loss, .546752, 1e-6);
  EXPECT_EQ(outcome.counts[0], 4);
  EXPECT_NEAR(outcome.slope[1], .008273, 1e-6);
  EXPECT_NEAR(outcome.slope[0], -.006244, 1e-6);
}

TEST(Kto, WithoutABaselineItIsApoZero) {
  const auto kto = make_objective("kto", {.kl_source = "none"});
  EXPECT_FALSE(kto->needs().kl_rows);
  kto->begin_step(100, 4);
  EXPECT_NEAR(run(*kto, labels_kto()).loss, .471928, 1e-6);
}

double z0_after(Objective& kto, double sum, double count) {
  kto.begin_step(sum, count);
  return run(kto, labels_kto()).metrics.means().at("kl");
}

TEST(Kto, TheBaselineIsClampedAfterTheMean) {
  const auto kto = make_objective("kto", {});
  EXPECT_EQ(z0_after(*kto, -3, 4), 0);
  EXPECT_DOUBLE_EQ(z0_after(*kto, 8, 4), 2);
}

TEST(Kto, FewRowsTakeTheRunningMean) {
  const auto kto = make_objective("kto", {});
  EXPECT_EQ(z0_after(*kto, 0, 0), 0);
  EXPECT_DOUBLE_EQ(z0_after(*kto, 6, 3), 2);  // the first mean has no bias towards 0
  // Unclamped and decayed by .9 per step: (.9 * 6 - 1) / (.9 * 3 + 1).
  EXPECT_DOUBLE_EQ(z0_after(*kto, -1, 1), 4.4 / 3.7);
  EXPECT_DOUBLE_EQ(z0_after(*kto, 0, 0), 4.4 / 3.7);
  EXPECT_DOUBLE_EQ(z0_after(*kto, 40, 4), 10);  // enough rows again
}

TEST(Kto, TheRunningMeanServesEveryStepOfKlSourceEma) {
  const auto kto = make_objective("kto", {.kl_source = "ema"});
  EXPECT_DOUBLE_EQ(z0_after(*kto, 8, 4), 2);
  EXPECT_DOUBLE_EQ(z0_after(*kto, 40, 4), (.9 * 8 + 40) / (.9 * 4 + 4));
}

TEST(Kto, TheStateSurvivesARoundTrip) {
  const auto first = make_objective("kto", {.kl_source = "ema"});
  first->begin_step(1.0 / 3, 4);
  first->begin_step(.7, 5);
  const auto second = make_objective("kto", {.kl_source = "ema"});
  second->load_state(parse_json(first->state().dump(), "test"));
  EXPECT_EQ(z0_after(*first, .1, 2), z0_after(*second, .1, 2));
}

TEST(Kto, APairIsTwoAnswers) {
  Batch pair, rows;
  pair.add_pair({-3, -5}, {-6, -5.5});
  rows.add(Unit::kBinary, 0, {-3, -5}, 1);
  rows.add(Unit::kBinary, 0, {-6, -5.5}, 0);
  const auto a = run("kto", {}, pair), b = run("kto", {}, rows);
  EXPECT_EQ(a.counts, b.counts);
  EXPECT_DOUBLE_EQ(a.loss, b.loss);
}

TEST(Kto, AtTheReferenceItIsHalfTheMeanWeight) {
  const auto kto = make_objective("kto", {.undesirable_weight = 1.5});
  kto->begin_step(40, 4);
  EXPECT_NEAR(kto->loss_at_reference(labels_kto().sequences), .5 * 1.25, 1e-12);
}

TEST(Kto, AnswersWithoutALabelAreRefused) {
  EXPECT_THROW(run("kto", {}, testing::scores_a()), InternalError);
  EXPECT_FALSE(make_objective("kto", {})->accepts(Unit::kScore));
  EXPECT_THROW(make_objective("kto", {.desirable_weight = 0}), InputError);
  EXPECT_THROW(make_objective("kto", {.kl_source = "bach"}), InputError);
}

TEST(Kto, TheAdviceOnWeightsNamesTheRange) {
  EXPECT_EQ(kto_weight_advice(100, 100, {}), "");
  EXPECT_EQ(kto_weight_advice(120, 100, {}), "");
  EXPECT_NE(kto_weight_advice(100, 300, {}).find("[3, 4]"), std::string::npos)
      << kto_weight_advice(100, 300, {});
  EXPECT_EQ(kto_weight_advice(100, 300, {.desirable_weight = 3.5}), "");
}

}  // namespace
}  // namespace una::objective
