#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Answer;
using testing::Batch;
using testing::labels_a;
using testing::run;
using testing::scores_a;

// Value and the six slopes w1 w2 w3 l1 l2 l3 of docs/objectives.md.
void expect_golden(const ObjectiveOptions& options, const Batch& batch, double value,
                   const std::vector<double>& slopes) {
  const auto outcome = run("una", options, batch);
  EXPECT_NEAR(outcome.loss, value, 1e-6);
  for (std::size_t s = 0; s < slopes.size(); ++s) { EXPECT_NEAR(outcome.slope[s], slopes[s], 1e-6) << s; }
}

TEST(Una, GoldenBinary) {
  expect_golden({.una_loss = "mse"}, labels_a(), .184334,
                {-.004167, -.004146, -.004345, .004167, .001784, .000359});
  expect_golden({.una_loss = "bce"}, labels_a(), .541032,
                {-.008333, -.008292, -.008708, .008333, .004515, .001835});
  expect_golden({.una_loss = "l1"}, labels_a(), .400162,
                {-.004167, -.004167, -.004158, .004167, .003292, .001633});
  expect_golden({.una_loss = "bce", .una_f = "constant", .una_constant = -.2}, labels_a(), .566603,
                {-.009164, -.009123, -.009533, .007503, .003888, .001533});
}

TEST(Una, GoldenScore) {
  expect_golden({.una_loss = "mse"}, scores_a(), .053462,
                {-.003333, -.001646, -.001019, .0025, -.00085, .000033});
  expect_golden({.una_loss = "bce"}, scores_a(), .636365,
                {-.006667, -.003292, -.002041, .005, -.002151, .000168});
  expect_golden({.una_loss = "bce", .una_f = "constant", .una_constant = .3}, scores_a(), .619232,
                {-.005426, -.002052, -.000795, .006241, -.001099, .000718});
}

TEST(Una, GoldenIdentity) {
  expect_golden({.una_link = "identity", .una_loss = "mse"}, scores_a(), 1.421733,
                {-.03, -.023, -.023, -.006667, -.046333, -.073});
  expect_golden({.una_link = "identity", .una_loss = "huber", .una_huber_delta = .5}, scores_a(), .3875,
                {-.008333, -.008333, -.008333, -.003333, -.008333, -.008333});
}

TEST(Una, GoldenKtoInputs) {
  const auto check = [](const std::string& loss, double constant, double value,
                        const std::vector<double>& slopes) {
    expect_golden({.una_loss = loss, .una_f = "constant", .una_constant = constant}, testing::labels_kto(),
                  value, slopes);
  };
  check("mse", 0, .222899, {-.005923, .005923, -.00609, .005571});
  check("bce", 0, .638848, {-.011876, .011876, -.012188, .011254});
  check("bce", .0375, .638673, {-.011642, .01211, -.011953, .011487});
  check("l1", 0, .471928, {-.006234, .006234, -.006246, .006188});
}

TEST(Una, PairsAreDpo) {
  expect_golden({}, testing::pairs_a(), .377779, {-.016667, .016667, -.008965, .008965, -.003973, .003973});
  EXPECT_NEAR(run("una", {.label_smoothing = .1}, testing::pairs_a()).loss, .477779, 1e-6);
  // The offset cancels in a pair, whatever it is.
  EXPECT_NEAR(run("una", {.una_f = "constant", .una_constant = 3}, testing::pairs_a()).loss, .377779, 1e-6);
}

const ObjectiveOptions kGroupOptions{.una_link = "identity", .una_loss = "mse", .una_f = "group"};

Batch groups_a(bool as_one) {
  const std::vector<double> scores = {.9, .2, .7, .4, .6, .1};
  Batch batch;
  for (std::int32_t i = 0; i < 6; ++i) {
    const auto at = static_cast<std::size_t>(i);
    batch.add(Unit::kGroup, as_one ? i : i % 2, testing::inputs_a()[at], scores[at]);
  }
  return batch;
}

TEST(Una, GoldenGroups) {
  // In the order w1 l1 w2 l2 w3 l3.
  expect_golden(kGroupOptions, groups_a(false), .538333, {-.023333, .023333, .023333, -.023333, .05, -.05});
  expect_golden(kGroupOptions, groups_a(true), .481960, {.0044, .0324, .0128, -.0152, .0128, -.0472});
}

TEST(Una, AGroupDividesByGroupsAndItsWeightCountsOnce) {
  Batch batch = groups_a(false);
  batch.sequences[2].weight = batch.sequences[3].weight = 5;
  const auto plain = run("una", kGroupOptions, groups_a(false));
  const auto weighted = run("una", kGroupOptions, batch);
  EXPECT_EQ(plain.counts[3], 3);
  EXPECT_EQ(weighted.counts[3], 3);
  // v - gap of the second pair: 1 - .3, so e^2 sums to .7^2 / 2.
  EXPECT_NEAR(weighted.loss - plain.loss, 4 * .245 / 3, 1e-9);
}

TEST(Una, AGroupIsExactForAnyOffsetOfItsPrompt) {
  // beta Delta = r + c for all answers: no loss and no slope, whatever c.
  for (const double c : {-40., 0., 7.}) {
    Batch batch;
    for (std::int32_t i = 0; i < 4; ++i) {
      const double r = .2 * i;
      batch.add(Unit::kGroup, i, {(r + c) / .1 - 3, -3}, r);
    }
    const auto outcome = run("una", kGroupOptions, batch);
    EXPECT_NEAR(outcome.loss, 0, 1e-20);
    for (const double slope : outcome.slope) { EXPECT_NEAR(slope, 0, 1e-10); }
  }
}

TEST(Una, AGroupUnderTheSigmoidLinkFitsLogits) {
  // beta Delta = logit(t) + c: s = t after centring.
  Batch batch;
  const std::vector<double> targets = {.2, .5, .9};
  for (std::int32_t i = 0; i < 3; ++i) {
    const double t = targets[static_cast<std::size_t>(i)];
    batch.add(Unit::kGroup, i, {(std::log(t / (1 - t)) + 2.5) / .1 - 3, -3}, t);
  }
  for (const std::string loss : {"mse", "bce"}) {
    const auto outcome = run("una", {.una_loss = loss, .una_f = "group"}, batch);
    for (const double slope : outcome.slope) { EXPECT_NEAR(slope, 0, 1e-9); }
  }
  EXPECT_NEAR(run("una", {.una_f = "group"}, batch).loss, 0, 1e-20);
  // By hand: two answers, Delta 0, t .2 and .9: f = mean logit, e = sigma(f) - t.
  Batch two;
  two.add(Unit::kGroup, 0, {-3, -3}, .2);
  two.add(Unit::kGroup, 1, {-3, -3}, .9);
  const double f = (std::log(.25) + std::log(9.0)) / 2, s = 1 / (1 + std::exp(-f));
  EXPECT_NEAR(run("una", {.una_f = "group"}, two).loss, (s - .2) * (s - .2) + (s - .9) * (s - .9), 1e-12);
}

TEST(Una, AGroupsOffsetIsHeldFixedInTheGradient) {
  // The slopes are those of single answers under the constant f that the group's mean gives, times k / (k-1).
  const std::vector<double> delta = {12, -7, 3}, targets = {.2, .5, .9};
  Batch group, points;
  double f = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const Answer answer{delta[i] - 20, -20};
    group.add(Unit::kGroup, static_cast<std::int32_t>(i), answer, targets[i]);
    points.add(Unit::kScore, 0, answer, targets[i]);
    f += (std::log(targets[i] / (1 - targets[i])) - .1 * delta[i]) / 3;
  }
  for (const std::string loss : {"mse", "bce", "huber"}) {
    const auto of_group = run("una", {.una_loss = loss, .una_f = "group"}, group).slope;
    const auto alone = run("una", {.una_loss = loss, .una_f = "constant", .una_constant = f}, points).slope;
    for (std::size_t i = 0; i < 3; ++i) { EXPECT_NEAR(of_group[i], alone[i] * 1.5, 1e-8) << loss; }
  }
}

TEST(Una, GroupsWithoutTheGroupOffsetAreScoredOneByOne) {
  Batch points = testing::points_a(Unit::kScore, {.9, .7, .6, .2, .4, .1});
  const auto alone = run("una", {.una_loss = "bce"}, points);
  const auto grouped = run("una", {.una_loss = "bce"}, groups_a(true));
  EXPECT_EQ(grouped.counts, (std::vector<double>{0, 0, 0, 6, 0}));
  EXPECT_NEAR(grouped.loss, alone.loss, 1e-12);
}

TEST(Una, AnswersBesideGroupsUseNoOffset) {
  EXPECT_NEAR(run("una", {.una_loss = "bce", .una_f = "group"}, scores_a()).loss, .636365, 1e-6);
}

TEST(Una, ExplicitWeightsStandInPlaceOfTheCounts) {
  Batch batch = testing::pairs_a();
  batch.add(Unit::kSft, 0, {-2, -4}, 1);
  const double s = 1 / (1 + std::exp(-.2)), sft = (1 - s) * (1 - s);
  EXPECT_NEAR(run("una", {}, batch).loss, (3 * .377779 + sft) / 4, 1e-6);
  EXPECT_NEAR(run("una", {.loss_weights = "pairwise=1,sft=.1"}, batch).loss, .377779 + .1 * sft, 1e-6);
}

TEST(Una, SftRowsHaveTheTargetOne) {
  Batch batch;
  batch.add(Unit::kSft, 0, {-2, -4}, 1);
  const double s = 1 / (1 + std::exp(-.2));
  EXPECT_NEAR(run("una", {}, batch).loss, (1 - s) * (1 - s), 1e-12);
  EXPECT_NEAR(run("una", {.una_loss = "bce"}, batch).loss, -std::log(s), 1e-12);
}

TEST(Una, SoftTargetsAreClippedForBceOnly) {
  Batch batch;
  batch.add(Unit::kScore, 0, {0, 0}, 1);
  EXPECT_NEAR(run("una", {.una_loss = "bce"}, batch).slope[0], .1 * (.5 - .999), 1e-8);
  EXPECT_NEAR(run("una", {.una_loss = "mse"}, batch).loss, .25, 1e-15);
  batch.sequences[0].unit = Unit::kBinary;  // a label is certain
  EXPECT_NEAR(run("una", {.una_loss = "bce"}, batch).slope[0], .1 * -.5, 1e-8);
}

TEST(Una, TheIdentityLinkFitsTheRewardInItsOwnUnit) {
  Batch batch;
  batch.add(Unit::kScore, 0, {0, 0}, .5).raw_score = 3;
  const ObjectiveOptions raw{.una_link = "identity"};
  EXPECT_NEAR(run("una", raw, batch).loss, 9, 1e-12);
  EXPECT_NEAR(run("una", {.una_link = "identity", .una_reward = "score"}, batch).loss, .25, 1e-12);
  EXPECT_NEAR(run("una", {}, batch).loss, 0, 1e-12);  // the sigmoid link has no other unit than the score
}

TEST(Una, MetricsTellHowTheScoresAreFitted) {
  const auto outcome = run("una", {}, scores_a());
  const auto means = outcome.metrics.means();
  EXPECT_NEAR(means.at("rewards/mean"), -.526667, 1e-6);
  EXPECT_NEAR(means.at("loss/score"), .053462, 1e-6);
  EXPECT_EQ(means.at("una/saturated"), 0);
  EXPECT_EQ(means.count("rewards/chosen"), 0U);
  double residual = 0;
  const std::vector<double> u = {0, .01, -.09, 0, -.99, -2.09}, t = {.9, .7, .6, .2, .4, .1};
  for (std::size_t i = 0; i < 6; ++i) { residual += 1 / (1 + std::exp(-u[i])) - t[i]; }
  EXPECT_NEAR(means.at("una/residual"), residual / 6, 1e-12);
  const auto derived = make_objective("una", {})->derived(outcome.metrics);
  EXPECT_NEAR(derived.at("una/score_corr"), .665667, 1e-6);  // numpy.corrcoef
  EXPECT_EQ(derived.count("una/residual/0"), 0U);            // one source only
}

TEST(Una, ResidualsAreSplitBySourceWhenThereAreSeveral) {
  Batch batch = scores_a();
  batch.sequences[5].source = 2;
  const auto outcome = run("una", {}, batch);
  const auto derived = make_objective("una", {})->derived(outcome.metrics);
  EXPECT_NEAR(derived.at("una/residual/2"), 1 / (1 + std::exp(2.09)) - .1, 1e-12);
  EXPECT_EQ(derived.count("una/residual/0"), 1U);
}

TEST(Una, SaturationCountsScoresNearTheEnds) {
  Batch batch;
  batch.add(Unit::kScore, 0, {47, 0}, .5);   // s = .991
  batch.add(Unit::kScore, 0, {45, 0}, .5);   // s = .989
  batch.add(Unit::kScore, 0, {-47, 0}, .5);  // s = .009
  EXPECT_NEAR(run("una", {}, batch).metrics.means().at("una/saturated"), 2.0 / 3, 1e-12);
}

TEST(Una, OptionsThatContradictEachOtherAreRefused) {
  const auto make = [](const ObjectiveOptions& options) { make_objective("una", options); };
  EXPECT_THROW(make({.una_link = "identity", .una_loss = "bce"}), InputError);
  EXPECT_THROW(make({.una_link = "sigmoyd"}), InputError);
  EXPECT_THROW(make({.una_loss = "mae"}), InputError);
  EXPECT_THROW(make({.una_f = "zeros"}), InputError);
  EXPECT_THROW(make({.una_running = "center"}), InputError);
  EXPECT_THROW(make({.una_reward = "standardized"}), InputError);
  EXPECT_THROW(make({.una_huber_delta = 0}), InputError);
  EXPECT_THROW(make({.una_running_decay = 0}), InputError);
  EXPECT_THROW(make({.beta = -1}), InputError);
}

}  // namespace
}  // namespace una::objective
