#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::pairs_a;
using testing::run;

double golden(const std::string& loss_type, double smoothing = 0, const Batch& batch = pairs_a()) {
  return run("dpo", {.loss_type = loss_type, .label_smoothing = smoothing}, batch).loss;
}

TEST(Dpo, GoldenValuesOfThePairLosses) {
  EXPECT_NEAR(golden("sigmoid"), .377779, 1e-6);
  EXPECT_NEAR(golden("sigmoid", .1), .477779, 1e-6);
  EXPECT_NEAR(golden("hinge"), .333333, 1e-6);
  EXPECT_NEAR(golden("robust", .1), .252779, 1e-6);
  EXPECT_NEAR(golden("ipo_sum"), 91.666667, 1e-6);
  EXPECT_NEAR(golden("ipo"), 20.407100, 1e-6);
  EXPECT_NEAR(golden("exo_pair", 1e-3), 1.498838, 1e-6);
  EXPECT_NEAR(golden("nca_pair"), 1.234520, 1e-6);
  EXPECT_NEAR(golden("bco_pair"), 1.082063, 1e-6);
  EXPECT_NEAR(golden("sppo_hard"), 128.546667, 1e-6);
  EXPECT_NEAR(golden("aot"), .377779, 1e-6);
  EXPECT_NEAR(golden("aot_unpaired"), .377016, 1e-6);
  EXPECT_NEAR(golden("apo_zero"), .800323, 1e-6);
  EXPECT_NEAR(golden("apo_down"), .789386, 1e-6);
  EXPECT_NEAR(golden("discopop"), .449929, 1e-6);
  EXPECT_NEAR(golden("sigmoid_norm"), .668781, 1e-6);
}

TEST(Dpo, GoldenSlopesOfTheSigmoidLoss) {
  const std::vector<double> slope = run("dpo", {}, pairs_a()).slope;
  const std::vector<double> expected = {-.016667, .016667, -.008965, .008965, -.003973, .003973};
  for (std::size_t s = 0; s < 6; ++s) { EXPECT_NEAR(slope[s], expected[s], 1e-6); }
}

TEST(Dpo, GoldenValuesAgainstExplicitGaps) {
  EXPECT_NEAR(golden("rpo_sq", 0, pairs_a({2, 1, .5})), 2.083333, 1e-6);
  EXPECT_NEAR(golden("rpo_bwd", 0, pairs_a({2, 1, .5})), .182325, 1e-6);
  EXPECT_NEAR(golden("rpo_fwd", 0, pairs_a({2, 1, .5})), .200709, 1e-6);
  EXPECT_NEAR(golden("rpo_sq", 0, pairs_a({2, 1, 0})), 2.666667, 1e-6);
  EXPECT_NEAR(golden("rpo_bwd", 0, pairs_a({2, 1, 0})), .253865, 1e-6);
  EXPECT_NEAR(golden("rpo_fwd", 0, pairs_a({2, 1, 0})), .253865, 1e-6);
  // The UNA family's scores: gaps .7 .3 .5. rpo_bwd is pair-soft minus the labels' entropy.
  EXPECT_NEAR(golden("rpo_bwd", 0, pairs_a({.7, .3, .5})), .111217, 1e-6);
  EXPECT_NEAR(golden("rpo_sq", 0, pairs_a({.7, .3, .5})), 1.076667, 1e-6);
  const auto soft = run("dpo", {.loss_type = "rpo_bwd"}, pairs_a({.7, .3, .5})).slope;
  EXPECT_NEAR(soft[0], -.005606, 1e-6);
  EXPECT_NEAR(soft[2], .005221, 1e-6);
  EXPECT_NEAR(soft[5], -.008611, 1e-6);
  const auto distilled = run("dpo", {.loss_type = "rpo_sq"}, pairs_a({.7, .3, .5})).slope;
  EXPECT_NEAR(distilled[0], -.046667, 1e-6);
  EXPECT_NEAR(distilled[5], -.1, 1e-6);
}

TEST(Dpo, EtaScalesTheExplicitGap) {
  const double doubled = run("dpo", {.loss_type = "rpo_sq", .rpo_eta = 2}, pairs_a({1, .5, .25})).loss;
  EXPECT_NEAR(doubled, 2.083333, 1e-6);
}

TEST(Dpo, GoldenValuesWithoutAReference) {
  const double simpo = run("dpo", {.beta = 2, .loss_type = "simpo", .simpo_gamma = 1}, pairs_a()).loss;
  EXPECT_NEAR(simpo, .712695, 1e-6);
  const auto orpo = run("dpo", {.beta = 1, .loss_type = "orpo"}, pairs_a());
  EXPECT_NEAR(orpo.sums[0] / orpo.counts[0], .498672, 1e-6);
  // The NLL of the chosen answers, a mean over their 19 tokens: (.5 + 10 + 1) / 19.
  EXPECT_NEAR(orpo.sums[1] / orpo.counts[1], 11.5 / 19, 1e-12);
  EXPECT_NEAR(orpo.loss, .498672 + 11.5 / 19, 1e-6);
  const auto tenth = run("dpo", {.beta = .1, .loss_type = "orpo"}, pairs_a());
  EXPECT_NEAR(tenth.loss, .0498672 + 11.5 / 19, 1e-6);
}

TEST(Dpo, GoldenValuesOfTheDivergences) {
  Batch batch;
  batch.add_pair({.3, 0}, {-.4, 0});
  batch.add_pair({-.2, 0}, {.1, 0});
  batch.add_pair({.5, 0}, {-.6, 0});
  const auto value = [&](const std::string& type) {
    return run("dpo", {.f_divergence_type = type}, batch).loss;
  };
  EXPECT_NEAR(value("reverse_kl"), .668893, 1e-6);
  EXPECT_NEAR(value("forward_kl"), .666539, 1e-6);
  EXPECT_NEAR(value("js_divergence"), .680537, 1e-6);
  EXPECT_NEAR(value("alpha_divergence"), .668020, 1e-6);
  const double near_one =
      run("dpo", {.f_divergence_type = "alpha_divergence", .f_alpha_divergence_coef = 1 + 1e-8}, batch).loss;
  EXPECT_NEAR(near_one, value("reverse_kl"), 1e-8);
}

TEST(Dpo, AnAddedNllIsAPartOfItsOwn) {
  const auto mixed = run("dpo", {.rpo_alpha = .5}, pairs_a());
  ASSERT_EQ(mixed.counts, (std::vector<double>{3, 19}));
  EXPECT_NEAR(mixed.loss, .377779 + .5 * 11.5 / 19, 1e-6);
  EXPECT_NEAR(mixed.metrics.means().at("nll_loss"), 11.5 / 19, 1e-12);
}

TEST(Dpo, HalfSmoothingIsSymmetricAndOrderCounts) {
  Batch forward, swapped;
  forward.add_pair({-3, -5}, {-6, -5});
  swapped.add_pair({-6, -5}, {-3, -5});
  const auto loss = [](const Batch& batch, double eps) {
    return run("dpo", {.label_smoothing = eps}, batch).loss;
  };
  EXPECT_NEAR(loss(forward, .5), loss(swapped, .5), 1e-12);
  EXPECT_LT(loss(forward, 0), loss(swapped, 0));
}

TEST(Dpo, MetricsAreThoseOfTrl) {
  const auto means = run("dpo", {}, pairs_a()).metrics.means();
  EXPECT_NEAR(means.at("rewards/chosen"), -.026667, 1e-6);
  EXPECT_NEAR(means.at("rewards/rejected"), -1.026667, 1e-6);
  EXPECT_NEAR(means.at("rewards/margins"), 1, 1e-12);
  EXPECT_NEAR(means.at("rewards/accuracies"), 2.0 / 3, 1e-12);  // the first pair's tie is not a win
  EXPECT_NEAR(means.at("logps/chosen"), -11.5 / 3, 1e-12);
  EXPECT_NEAR(means.at("logps/rejected"), -51.1 / 3, 1e-12);
  EXPECT_NEAR(means.at("log_ratio"), -31.6 / 6, 1e-12);
  EXPECT_NEAR(means.at("log_ratio_per_token"), -31.6 / 56, 1e-12);
}

TEST(Dpo, RowWeightsScaleTheirPairAndNotTheCount) {
  Batch batch = pairs_a();
  for (std::size_t s = 2; s < 4; ++s) { batch.sequences[s].weight = 3; }
  const auto weighted = run("dpo", {}, batch);
  EXPECT_EQ(weighted.counts[0], 3);
  EXPECT_NEAR(weighted.loss, (.693147 + 3 * .313262 + .126928) / 3, 1e-6);
}

TEST(Dpo, OptionsThatContradictEachOtherAreRefused) {
  const auto make = [](const ObjectiveOptions& options) { make_objective("dpo", options); };
  EXPECT_THROW(make({.loss_type = "sigmoyd"}), InputError);
  EXPECT_THROW(make({.beta = 0}), InputError);
  EXPECT_THROW(make({.label_smoothing = .6}), InputError);
  EXPECT_THROW(make({.loss_type = "ipo", .label_smoothing = .1}), InputError);
  EXPECT_THROW(make({.loss_type = "exo_pair"}), InputError);
  EXPECT_THROW(make({.loss_type = "robust", .label_smoothing = .5}), InputError);
  EXPECT_THROW(make({.loss_type = "ipo", .f_divergence_type = "forward_kl"}), InputError);
  EXPECT_THROW(make({.f_divergence_type = "forward"}), InputError);
  EXPECT_THROW(make({.loss_type = "discopop", .discopop_tau = 0}), InputError);
  EXPECT_THROW(make({.rpo_alpha = -1}), InputError);
}

TEST(Dpo, RowsThatLackWhatTheLossNeedsAreRefused) {
  EXPECT_THROW(golden("rpo_sq"), InputError);
  const auto distilled = make_objective("dpo", {.loss_type = "rpo_sq"});
  EXPECT_TRUE(distilled->needs().columns);
  EXPECT_FALSE(make_objective("dpo", {})->needs().columns);
  EXPECT_NE(distilled->lacks(pairs_a().sequences[0]).find("field \"margin\""), std::string::npos);
  EXPECT_EQ(distilled->lacks(pairs_a({1, 1, 1}).sequences[0]), "");
  EXPECT_EQ(make_objective("dpo", {})->lacks(pairs_a().sequences[0]), "");
  Batch weighted = pairs_a();
  weighted.sequences[0].weight = 2;
  EXPECT_THROW(golden("aot", 0, weighted), InputError);
  EXPECT_THROW(golden("sigmoid", 0, testing::labels_a()), InternalError);
}

}  // namespace
}  // namespace una::objective
