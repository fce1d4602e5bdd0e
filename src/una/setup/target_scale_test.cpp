#include "una/setup/target_scale.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::setup {
namespace {

namespace testing = objective::testing;
using objective::ObjectiveOptions;
using testing::Batch;

// Two prompts of two scored answers each; inside sd of the scores sqrt((.02 + .08) / 2) = .2236.
TargetScale scored(const std::string& method, ObjectiveOptions options) {
  TargetScale out(method, options);
  const std::vector<std::vector<double>> scores = {{.3, .5}, {.4, .8}};
  for (std::size_t p = 0; p < 2; ++p) {
    Batch batch;
    for (std::int32_t i = 0; i < 2; ++i) {
      batch.add(Unit::kGroup, i, {-3, -3}, scores[p][static_cast<std::size_t>(i)]).group_id = p;
    }
    out.add(batch.sequences);
  }
  return out;
}

TEST(TargetScale, TheIdentityLinkAsksForTheRewardItself) {
  const TargetScale scale = scored("una", {.beta = .1, .una_link = "identity"});
  const double variance = (.02 + .08) / 2;
  EXPECT_NEAR(scale.beta_for(.3), std::sqrt(variance / .6), 1e-12);
  ASSERT_EQ(scale.lines().size(), 2U);
  EXPECT_NE(scale.lines()[0].find("1 per unit of reward (beta_eff 0.1)"), std::string::npos)
      << scale.lines()[0];
  EXPECT_NE(scale.lines()[1].find("KL of about 2.5 nats"), std::string::npos) << scale.lines()[1];
}

TEST(TargetScale, TheSigmoidLinkAsksForLogitsWhichAreFourTimesAsSteepOrMore) {
  const TargetScale scale = scored("una", {.beta = .1});
  const auto logit = [](double s) { return std::log(s / (1 - s)); };
  const double a = logit(.5) - logit(.3), b = logit(.8) - logit(.4);
  EXPECT_NEAR(scale.beta_for(.5), std::sqrt((a * a + b * b) / 4), 1e-12);
  const double slope = (1 / .21 + 4 + 1 / .24 + 1 / .16) / 4;
  EXPECT_GE(slope, 4);
  EXPECT_NE(scale.lines()[0].find("4.79 per unit of score"), std::string::npos) << scale.lines()[0];
}

Batch pair(bool margin = false) {
  Batch batch;
  batch.add_pair({-3, -3}, {-3, -3});
  if (margin) { batch.set_margin(.4); }
  return batch;
}

TEST(TargetScale, PairsAndLabelsNeedTheNoiseOfTheJudge) {
  for (const std::string method : {"una", "dpo"}) {
    TargetScale unknown(method, {});
    unknown.add(pair().sequences);
    EXPECT_THROW(unknown.beta_for(.3), InputError);
    EXPECT_NE(unknown.lines().at(0).find("--label_noise"), std::string::npos);
    TargetScale known(method, {.label_noise = .5});
    known.add(pair().sequences);
    EXPECT_NEAR(known.beta_for(.5), 1.702 / std::sqrt(2.0) / .5, 1e-12)
        << "in units of the spread inside a prompt";
  }
  TargetScale labels("kto", {.label_noise = .5});
  labels.add(testing::labels_kto().sequences);
  EXPECT_NEAR(labels.beta_for(.5), 1.702 / .5, 1e-12);
}

TEST(TargetScale, MarginsSayHowFarAnswersLieApart) {
  TargetScale hard("dpo", {.label_noise = .1});
  hard.add(pair(true).sequences);
  EXPECT_NEAR(hard.beta_for(.5), 1.702 / std::sqrt(2.0) / .1 * (.4 / std::sqrt(2.0)), 1e-12);
  TargetScale soft("una", {.rpo_eta = 3, .una_pair = "soft"});
  soft.add(pair(true).sequences);
  EXPECT_NEAR(soft.beta_for(.5), 3 * .4 / std::sqrt(2.0), 1e-12);
}

TEST(TargetScale, LossesWithAnotherOptimumAreNotGuessedAt) {
  for (const std::string loss : {"ipo", "simpo", "hinge", "sppo_hard"}) {
    TargetScale scale("dpo", {.loss_type = loss, .label_noise = .5});
    scale.add(pair().sequences);
    EXPECT_TRUE(scale.lines().empty()) << loss;
    EXPECT_THROW(scale.beta_for(.3), InputError) << loss;
  }
}

TargetScale labelled(const std::string& method, const ObjectiveOptions& options, int ups, int downs) {
  TargetScale out(method, options);
  for (int i = 0; i < ups + downs; ++i) {
    Batch batch;
    batch.add(Unit::kBinary, 0, {-3, -3}, i < ups ? 1 : 0);
    out.add(batch.sequences);
  }
  return out;
}

TEST(TargetScale, ThumbsOfOnePromptAreLabelsUnlessTheLinkMakesThemRewards) {
  for (const bool identity : {false, true}) {
    TargetScale scale("una", {.una_link = identity ? "identity" : "sigmoid", .una_binary = "conditional"});
    Batch batch;
    for (std::int32_t i = 0; i < 4; ++i) { batch.add(Unit::kGroup, i, {-3, -3}, i == 0 ? 1 : 0); }
    scale.add(batch.sequences);
    EXPECT_EQ(scale.labels(), identity ? 0 : 4);
    if (!identity) { EXPECT_EQ(scale.ups(), .25); }
  }
}

TEST(TargetScale, UnbalancedLabelsAreWarnedOfWhereNothingFitsTheirShare) {
  const auto warning = [](const std::string& method, const ObjectiveOptions& options, int ups, int downs) {
    return unbalanced_warning(method, options, labelled(method, options, ups, downs));
  };
  EXPECT_NE(warning("una", {.una_f = "zero"}, 20, 80).find("20 % of the labels are up"), std::string::npos);
  EXPECT_NE(warning("una", {.una_f = "zero"}, 80, 20), "");
  EXPECT_EQ(warning("una", {.una_f = "zero"}, 40, 60), "");
  EXPECT_EQ(warning("una", {.una_f = "auto"}, 20, 80), "");
  EXPECT_NE(warning("kto", {}, 20, 80).find("desirable_weight in [4, 5.33]"), std::string::npos);
  EXPECT_EQ(warning("kto", {.desirable_weight = 4}, 20, 80), "");
  EXPECT_EQ(unbalanced_warning("una", {}, scored("una", {})), "");
}

}  // namespace
}  // namespace una::setup
