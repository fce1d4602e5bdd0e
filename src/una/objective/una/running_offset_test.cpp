#include "una/objective/una/running_offset.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

// Two sources with different offsets; Delta is given, beta .1.
Batch batch_of(const std::vector<double>& deltas, const std::vector<double>& targets, std::int32_t source) {
  Batch batch;
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    batch.add(Unit::kScore, 0, {deltas[i] - 4, -4}, targets[i]).source = source;
  }
  return batch;
}

void train_step(Objective& objective, const Batch& batch) {
  objective.end_step(run(objective, batch).metrics);
}

TEST(RunningOffset, CentreIsMinusTheMeanReward) {
  const auto una = make_objective("una", {.una_loss = "bce", .una_f = "running"});
  const Batch batch = batch_of({5, -1}, {.7, .7}, 0);
  const double before = run(*una, batch).loss;
  EXPECT_NEAR(before, run("una", {.una_loss = "bce"}, batch).loss,
              1e-12);  // 0 until the first step has ended
  train_step(*una, batch);
  const ObjectiveOptions constant{.una_loss = "bce", .una_f = "constant", .una_constant = -.2};
  EXPECT_NEAR(run(*una, batch).loss, run("una", constant, batch).loss, 1e-12);
  // Another source has not been seen.
  EXPECT_NEAR(run(*una, batch_of({5, -1}, {.7, .7}, 3)).loss, before, 1e-12);
}

TEST(RunningOffset, SumsDecayAStepAndCountByRows) {
  RunningOffset offset(RunningOffset::Mode::kCentre, Link::kSigmoid, .5);
  MetricSums first, second;
  for (int i = 0; i < 4; ++i) { offset.add_sums(1, -1, 0, first); }
  offset.end_step(first);
  EXPECT_DOUBLE_EQ(offset.value(1), 1);
  offset.add_sums(1, -5, 0, second);
  offset.end_step(second);
  EXPECT_DOUBLE_EQ(offset.value(1), (.5 * 4 * 1 + 5) / (.5 * 4 + 1));
  EXPECT_EQ(offset.value(0), 0);
}

TEST(RunningOffset, MatchMakesTheMeanResidualZeroForTheIdentityLink) {
  const auto una =
      make_objective("una", {.una_link = "identity", .una_f = "running", .una_running = "match"});
  const Batch batch = batch_of({3, 9, -2}, {.3, .9, .4}, 1);
  train_step(*una, batch);
  EXPECT_NEAR(run(*una, batch).metrics.means().at("una/residual"), 0, 1e-12);
}

TEST(RunningOffset, MatchFindsTheRootForTheSigmoidLink) {
  const auto una = make_objective("una", {.una_loss = "bce", .una_f = "running", .una_running = "match"});
  const Batch batch = batch_of({30, 22, 41}, {.3, .9, .4}, 1);
  for (int step = 0; step < 120; ++step) { train_step(*una, batch); }
  EXPECT_NEAR(run(*una, batch).metrics.means().at("una/residual"), 0, 1e-4);
  EXPECT_LT(una->state().at("running").at("1").at("value").get<double>(), -2);
}

TEST(RunningOffset, ItMovesOnceAStepWhateverTheMicroBatches) {
  const ObjectiveOptions options{.una_f = "running"};
  const auto whole = make_objective("una", options), split = make_objective("una", options);
  train_step(*whole, batch_of({5, -1, 7}, {.7, .7, .1}, 0));
  MetricSums sums;
  sums.merge(run(*split, batch_of({5}, {.7}, 0)).metrics);
  sums.merge(run(*split, batch_of({-1, 7}, {.7, .1}, 0)).metrics);
  split->end_step(sums);
  EXPECT_NEAR(split->state().at("running").at("0").at("value").get<double>(),
              whole->state().at("running").at("0").at("value").get<double>(), 1e-15);
}

TEST(RunningOffset, SftRowsDoNotMoveIt) {
  const auto una = make_objective("una", {.una_f = "running"});
  Batch batch;
  batch.add(Unit::kSft, 0, {-3, -9}, 1);
  train_step(*una, batch);
  EXPECT_TRUE(una->state().at("running").empty());
}

TEST(RunningOffset, TheStateSurvivesARoundTrip) {
  for (const std::string mode : {"centre", "match"}) {
    const ObjectiveOptions options{.una_f = "running", .una_running = mode};
    const auto first = make_objective("una", options), second = make_objective("una", options);
    const Batch batch = batch_of({1.0 / 3, .77, 12}, {.3, .9, .4}, 7);
    train_step(*first, batch);
    train_step(*first, batch);
    second->load_state(parse_json(first->state().dump(), "test"));
    train_step(*first, batch);
    train_step(*second, batch);
    EXPECT_EQ(run(*first, batch).loss, run(*second, batch).loss);
    EXPECT_EQ(first->state(), second->state());
  }
}

TEST(RunningOffset, AForeignStateIsRefused) {
  RunningOffset offset(RunningOffset::Mode::kCentre, Link::kSigmoid, .5);
  EXPECT_THROW(offset.load_state(Json{{"abc", Json::object()}}), InputError);
  EXPECT_THROW(offset.load_state(Json{{"1", 3}}), InputError);
  EXPECT_THROW(make_objective("dpo", {})->load_state(Json{{"running", 1}}), InputError);
}

}  // namespace
}  // namespace una::objective
