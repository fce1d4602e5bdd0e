#include <cmath>

#include <gtest/gtest.h>

#include "una/objective/testing.h"

// The named methods of docs/objectives.md, each by the options that the document gives for it. Values and
// slopes per Delta (w1 w2 w3 l1 l2 l3, or in the order of the rows) are golden.
namespace una::objective {
namespace {

using testing::Batch;
using testing::inputs_a;
using testing::labels_a;
using testing::labels_kto;
using testing::Outcome;
using testing::pairs_a;
using testing::run;
using testing::scores_a;

void expect(const Outcome& outcome, double value, const std::vector<double>& slopes) {
  EXPECT_NEAR(outcome.loss, value, 1e-6);
  for (std::size_t s = 0; s < slopes.size(); ++s) { EXPECT_NEAR(outcome.slope[s], slopes[s], 1e-6) << s; }
}

// beta Delta of inputs A, chosen first, and their scores.
const std::vector<double> kReward = {0, .01, -.09, 0, -.99, -2.09};
const std::vector<double> kScore = {.9, .7, .6, .2, .4, .1};

TEST(Presets, PairSoft) {
  const Batch batch = pairs_a({.7, .3, .5});
  const std::vector<double> slopes = {-.005606, .005606, .005221, -.005221, .008611, -.008611};
  expect(run("una", {.una_pair = "soft"}, batch), .771325, slopes);
  expect(run("dpo", {.loss_type = "rpo_bwd"}, batch), .111217, slopes);
  expect(run("una", {.rpo_eta = .5, .una_pair = "soft"}, pairs_a({1.4, .6, 1})), .771325, slopes);
}

TEST(Presets, DistilledDpoAndRebel) {
  expect(run("dpo", {.loss_type = "rpo_sq"}, pairs_a({.7, .3, .5})), 1.076667,
         {-.046667, .046667, .046667, -.046667, .1, -.1});
  // REBEL: beta 1, z = 0 10 20.
  const double value = (.49 + 9.7 * 9.7 + 19.5 * 19.5) / 3;
  expect(run("dpo", {.beta = 1, .loss_type = "rpo_sq"}, pairs_a({.7, .3, .5})), value,
         {-1.4 / 3, 1.4 / 3, 19.4 / 3, -19.4 / 3, 13, -13});
}

TEST(Presets, UnaBinaryAndScore) {
  expect(run("una", {.una_loss = "mse"}, labels_a()), .184334,
         {-.004167, -.004146, -.004345, .004167, .001784, .000359});
  expect(run("una", {.una_loss = "bce"}, labels_a()), .541032,
         {-.008333, -.008292, -.008708, .008333, .004515, .001835});
  expect(run("una", {.una_loss = "mse"}, scores_a()), .053462,
         {-.003333, -.001646, -.001019, .0025, -.00085, .000033});
  expect(run("una", {.una_loss = "bce"}, scores_a()), .636365,
         {-.006667, -.003292, -.002041, .005, -.002151, .000168});
}

TEST(Presets, UnaReward) {
  const std::vector<double> slopes = {-.03, -.023, -.023, -.006667, -.046333, -.073};
  expect(run("una", {.una_link = "identity"}, scores_a()), 1.421733, slopes);
  // Standardised: rewards of the spread 2 are the same rewards in another unit.
  const auto una = make_objective("una", {.una_link = "identity", .una_reward = "standardised"});
  Batch data, batch = scores_a();
  for (const double reward : {1., 5.}) { data.add(Unit::kScore, 0, {}, .5).raw_score = reward; }
  for (const SequenceMeta& sequence : data.sequences) { una->observe({sequence}); }
  for (SequenceMeta& sequence : batch.sequences) { sequence.raw_score *= 2; }
  expect(run(*una, batch), 1.421733, slopes);
}

TEST(Presets, StandardisedRewardsUseTheSpreadOfBeforeTheStep) {
  const auto una = make_objective("una", {.una_link = "identity", .una_reward = "standardised"});
  const Outcome first = run(*una, scores_a());
  EXPECT_NEAR(first.loss, 1.421733, 1e-6);
  una->end_step(first.metrics);
  double mean = 0, squares = 0;
  for (const double score : kScore) {
    mean += score / 6;
    squares += score * score / 6;
  }
  const double spread = std::sqrt(squares - mean * mean);
  double expected = 0;
  for (std::size_t i = 0; i < 6; ++i) { expected += std::pow(kReward[i] - kScore[i] / spread, 2) / 6; }
  EXPECT_NEAR(run(*una, scores_a()).loss, expected, 1e-9);
}

const std::vector<double> kKtoSlopes = {-.006244, .006221, -.006250, .006163};

TEST(Presets, KtoAsUna) {
  const ObjectiveOptions options{.una_loss = "l1", .una_f = "kto_z0"};
  const auto una = make_objective("una", options);
  EXPECT_TRUE(una->needs().kl_rows);
  una->begin_step(1.5, 4);
  expect(run(*una, labels_kto()), .471959, kKtoSlopes);
  ObjectiveOptions weighted = options;
  weighted.undesirable_weight = 1.33;
  const auto other = make_objective("una", weighted);
  other->begin_step(1.5, 4);
  expect(run(*other, labels_kto()), .546752, {-.006244, .008273, -.006250, .008196});
}

TEST(Presets, ApoZeroUnpaired) {
  const std::vector<double> slopes = {-.006234, .006234, -.006246, .006188};
  expect(run("una", {.una_loss = "l1"}, labels_kto()), .471928, slopes);
  expect(run("kto", {.kl_source = "none"}, labels_kto()), .471928, slopes);
}

TEST(Presets, BcoIsBceUnderARunningCentre) {
  const auto una = make_objective("una", {.una_loss = "bce", .una_f = "running", .una_running = "centre"});
  una->end_step(run(*una, labels_kto()).metrics);  // the mean reward of the batch is -.0375
  expect(run(*una, labels_kto()), .638673, {-.011642, .012110, -.011953, .011487});
}

TEST(Presets, NcaPairIsTwoWeightedPoints) {
  expect(run("dpo", {.loss_type = "nca_pair"}, pairs_a()), 1.234520, {});
  // As points: winner 2/3 with weight 1.5, loser 0 with .5, both sides summed over P.
  Batch points = testing::points_a(Unit::kScore, {2. / 3, 2. / 3, 2. / 3, 0, 0, 0});
  for (std::size_t i = 0; i < 6; ++i) {
    points.sequences[i].weight = i < 3 ? 1.5 : .5;
    if (i < 3) { continue; }
    points.sequences[i].unit = Unit::kBinary;  // labels are not clipped
  }
  const Outcome outcome = run("una", {.una_loss = "bce"}, points);
  EXPECT_NEAR((outcome.sums[1] + outcome.sums[2]) / 3, 1.234520, 1e-6);
}

TEST(Presets, SppoFitsHalfOverBeta) {
  expect(run("dpo", {.loss_type = "sppo_hard"}, pairs_a()), 128.546667,
         {2 * -5. / 3, 2 * 5. / 3, 2 * -4.9 / 3, 2 * -4.9 / 3, 2 * -5.9 / 3, 2 * -15.9 / 3});
}

TEST(Presets, UnaC) {
  Batch batch;
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t order = i % 2 == 0 ? i / 2 : 3 + i / 2;
    batch.add(Unit::kGroup, static_cast<std::int32_t>(i % 2), inputs_a()[i], kScore[order]);
  }
  expect(run("una", {.una_link = "identity", .una_f = "group"}, batch), .538333,
         {-.023333, .023333, .023333, -.023333, .05, -.05});
}

// V(x) of six rows.
const std::vector<double> kValue = {.3, .1, -.2, .5, .4, -.1};

TEST(Presets, DroIsHalfTheSquareWithAValueHead) {
  double expected = 0;
  std::vector<double> slopes, value_slopes;
  for (std::size_t i = 0; i < 6; ++i) {
    const double e = kReward[i] + kValue[i] - kScore[i];
    expected += .5 * e * e / 6;
    slopes.push_back(.1 * e / 6);
    value_slopes.push_back(e / 6);
  }
  Batch half = scores_a(), huber = scores_a();
  half.value = huber.value = kValue;
  for (SequenceMeta& sequence : half.sequences) { sequence.weight = .5; }
  for (const Outcome& outcome :
       {run("una", {.una_link = "identity", .una_f = "value_head"}, half),
        run("una",
            {.una_link = "identity", .una_loss = "huber", .una_f = "value_head", .una_huber_delta = 1e9},
            huber)}) {
    expect(outcome, expected, slopes);
    for (std::size_t i = 0; i < 6; ++i) { EXPECT_NEAR(outcome.value_slope[i], value_slopes[i], 1e-7); }
  }
}

TEST(Presets, AStarPo) {
  Batch batch = scores_a();
  for (SequenceMeta& sequence : batch.sequences) {
    sequence.ref_rewards.raw = sequence.ref_rewards.scores = {1, 0, .5, .25};
  }
  double expected = 0;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < 6; ++i) {
    const double e = kReward[i] + .579856 - kScore[i];
    expected += e * e / 6;
    slopes.push_back(.1 * 2 * e / 6);
  }
  expect(run("una", {.una_link = "identity", .una_f = "log_partition", .una_beta1 = .5}, batch), expected,
         slopes);
}

TEST(Presets, Qrpo) {
  const std::vector<double> reference = {.05, .3, .55, .65, .85, .95};
  const std::vector<double> ranks = {5. / 6, 4. / 6, 3. / 6, 1. / 6, 2. / 6, 1. / 6};
  Batch batch = scores_a();
  for (SequenceMeta& sequence : batch.sequences) {
    sequence.ref_rewards.raw = sequence.ref_rewards.scores = reference;
  }
  for (const std::string transform : {"identity", "log"}) {
    double expected = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const bool log = transform == "log";
      const double u = kReward[i] + (log ? -.23978953 : .76973695);
      expected += std::pow(u - (log ? std::log(ranks[i]) : ranks[i]), 2) / 6;
    }
    const ObjectiveOptions options{.una_link = "identity", .una_f = "quantile", .una_quantile = transform};
    EXPECT_NEAR(run("una", options, batch).loss, expected, 1e-6) << transform;
  }
}

TEST(Presets, UftSftRows) {
  Batch batch;
  batch.add(Unit::kSft, 0, {-2, -4}, 1);
  const double s = 1 / (1 + std::exp(-.2));
  expect(run("una", {}, batch), (1 - s) * (1 - s), {-.1 * 2 * s * (1 - s) * (1 - s)});
}

}  // namespace
}  // namespace una::objective
