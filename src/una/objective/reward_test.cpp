#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

Batch golden() {
  Batch batch;
  for (int p = 0; p < 3; ++p) { batch.add_pair({}, {}); }
  batch.score = {1.2, .1, .3, .8, -.5, -1};
  return batch;
}

TEST(Reward, GoldenValues) {
  EXPECT_NEAR(run("reward", {}, golden()).loss, .578496, 1e-6);
  Batch margin = golden();
  for (SequenceMeta& sequence : margin.sequences) {
    sequence.has_margin = true;
    sequence.margin = .5;
  }
  EXPECT_NEAR(run("reward", {}, margin).loss, .814632, 1e-6);
  EXPECT_NEAR(run("reward", {.center_rewards_coefficient = .01}, golden()).loss, .578496 + .017167, 1e-6);
}

TEST(Reward, SlopesAreThoseOfBradleyTerry) {
  const auto slope = run("reward", {}, golden()).slope;
  const double first = -1 / (1 + std::exp(1.1)) / 3;
  EXPECT_NEAR(slope[0], first, 1e-7);
  EXPECT_NEAR(slope[1], -first, 1e-7);
}

TEST(Reward, SmoothingIsASoftLabel) {
  Batch batch;
  batch.add_pair({}, {});
  batch.score = {2, 0};
  const double s = 1 / (1 + std::exp(-2.0));
  EXPECT_NEAR(run("reward", {.label_smoothing = .2}, batch).loss, -.8 * std::log(s) - .2 * std::log(1 - s),
              1e-12);
}

TEST(Reward, SoftLabelsAreTheMarginsLogOdds) {
  Batch batch;
  batch.add_pair({}, {});
  batch.set_margin(.4);
  batch.score = {2, 0};
  const double s = 1 / (1 + std::exp(-2.0)), t = 1 / (1 + std::exp(-.8));
  const ObjectiveOptions options{.rpo_eta = 2, .reward_margin = "soft_label"};
  const auto outcome = run("reward", options, batch);
  EXPECT_NEAR(outcome.loss, -t * std::log(s) - (1 - t) * std::log(1 - s), 1e-12);
  EXPECT_NEAR(outcome.slope[0], s - t, 1e-6);
  const auto reward = make_objective("reward", options);
  EXPECT_EQ(reward->lacks(batch.sequences[0]), "");
  EXPECT_TRUE(reward->needs().columns);
  EXPECT_NE(reward->lacks(golden().sequences[0]).find("field \"margin\""), std::string::npos);
}

TEST(Reward, TheRegressionMayHaveAWeightOfItsOwn) {
  Batch batch;
  batch.add(Unit::kScore, 0, {}, .5).raw_score = 3;
  batch.add(Unit::kScore, 0, {}, .5).raw_score = 3;
  batch.add_pair({}, {});
  batch.score = {1, 2, 0, 0};
  EXPECT_NEAR(run("reward", {.loss_weights = "pairwise=1,regression=.5"}, batch).loss,
              std::log(2.0) + .5 * 2.5, 1e-12);
}

TEST(Reward, ScoresAreFittedBySquares) {
  Batch batch;
  batch.add(Unit::kScore, 0, {}, .5).raw_score = 3;
  batch.add(Unit::kBinary, 0, {}, 1);
  batch.add_pair({}, {});
  batch.score = {1, .5, 0, 0};
  const auto outcome = run("reward", {}, batch);
  EXPECT_EQ(outcome.counts, (std::vector<double>{1, 2}));
  EXPECT_NEAR(outcome.sums[1], 4 + .25, 1e-12);
  EXPECT_NEAR(outcome.loss, (std::log(2.0) + 4.25) / 3, 1e-12);
  EXPECT_NEAR(outcome.slope[0], 2 * (1 - 3) / 3.0, 1e-6);
}

TEST(Reward, MetricsAreThoseOfTrl) {
  const auto means = run("reward", {}, golden()).metrics.means();
  EXPECT_NEAR(means.at("accuracy"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(means.at("margin"), (1.1 - .5 + .5) / 3, 1e-12);
  EXPECT_NEAR(means.at("mean_reward"), .15, 1e-12);
  EXPECT_EQ(means.at("min_reward"), -1);
  EXPECT_EQ(means.at("max_reward"), 1.2);
}

TEST(Reward, EqualScoresAreNoWin) {
  Batch batch;
  batch.add_pair({}, {});
  batch.score = {1, 1};
  EXPECT_EQ(run("reward", {}, batch).metrics.means().at("accuracy"), 0);
}

TEST(Reward, NeedsOneScoreASequence) {
  Batch batch = golden();
  batch.score.pop_back();
  EXPECT_THROW(run("reward", {}, batch), InternalError);
  EXPECT_TRUE(std::isnan(make_objective("reward", {})->loss_at_reference(batch.sequences)));
  EXPECT_THROW(make_objective("reward", {.center_rewards_coefficient = -1}), InputError);
  EXPECT_THROW(make_objective("reward", {.reward_margin = "soft"}), InputError);
  EXPECT_THROW(make_objective("reward", {.label_smoothing = .1, .reward_margin = "soft_label"}), InputError);
  EXPECT_THROW(make_objective("reward", {.loss_weights = "binary=1"}), InputError);
}

}  // namespace
}  // namespace una::objective
