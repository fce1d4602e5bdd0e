#include "una/objective/una/una_offset.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

ObjectiveOptions with_f(const std::string& f, const std::string& link = "identity") {
  return {.una_link = link, .una_loss = link == "identity" ? "mse" : "bce", .una_f = f};
}

// One scored answer at Delta 0, so that u = f.
Batch lone(double raw, double score, RefRewards reference = {}) {
  Batch batch;
  SequenceMeta& meta = batch.add(Unit::kScore, 0, {-3, -3}, score);
  meta.raw_score = raw;
  meta.ref_rewards = std::move(reference);
  return batch;
}

double offset(const ObjectiveOptions& options, const Batch& batch) {
  return run("una", options, batch).metrics.means().at("una/offset");
}

TEST(UnaOffset, AnAnswerAmongTheReferenceRewardsIsLeftOutOfItsOwnLogPartition) {
  const RefRewards all{{1, 0, .5, .25}, {1, 0, .5, .25}, false}, own{{1, 0, .5, .25}, {1, 0, .5, .25}, true};
  EXPECT_NEAR(offset(with_f("log_partition"), lone(1, 1, all)), .579856, 1e-6);
  EXPECT_NEAR(offset(with_f("log_partition"), lone(1, 1, own)), .290829, 1e-6);
  const RefRewards twice{{1, 1, 0, .5, .25}, {1, 1, 0, .5, .25}, true};  // one of two equal ones
  EXPECT_NEAR(offset(with_f("log_partition"), lone(1, 1, twice)), .579856, 1e-6);
}

TEST(UnaOffset, TheLogPartitionIsInTheUnitOfTheTargets) {
  const RefRewards reference{{10, 30}, {.25, .75}, false};
  const auto v = [](double a, double b) { return .5 * std::log((std::exp(2 * a) + std::exp(2 * b)) / 2); };
  EXPECT_NEAR(offset(with_f("log_partition"), lone(20, .5, reference)),
              30 + .5 * std::log((1 + std::exp(-40.)) / 2), 1e-9);
  ObjectiveOptions score = with_f("log_partition");
  score.una_reward = "score";
  EXPECT_NEAR(offset(score, lone(20, .5, reference)), v(.25, .75), 1e-12);
  EXPECT_NEAR(offset(with_f("log_partition", "sigmoid"), lone(20, .5, reference)),
              v(std::log(1. / 3), std::log(3.)), 1e-12);
  ObjectiveOptions standardised = with_f("log_partition");
  standardised.una_reward = "standardised";
  const auto una = make_objective("una", standardised);
  for (const double raw : {0., 40.}) { una->observe(lone(raw, .5).sequences); }
  EXPECT_NEAR(run(*una, lone(20, .5, reference)).metrics.means().at("una/offset"), v(.5, 1.5), 1e-12);
}

TEST(UnaOffset, TheRankIsThatOfTheRawReward) {
  Batch batch = lone(20, .5, {{10, 20, 25, 30}, {.25, .5, .6, .75}, false});
  // R = q = 1/2 and f = beta log Z.
  EXPECT_NEAR(run("una", with_f("quantile"), batch).loss, std::pow(.769737 - .5, 2), 1e-6);
  batch.sequences[0].unit = Unit::kBinary;
  batch.sequences[0].target = 1;
  batch.sequences[0].ref_rewards = {{1, 0, 0, 0}, {1, 0, 0, 0}, false};
  EXPECT_NEAR(run("una", with_f("quantile"), batch).loss, std::pow(.769737 - 1, 2), 1e-6);
}

TEST(UnaOffset, RowsWithoutReferenceRewardsAreNamedByTheirField) {
  for (const std::string f : {"log_partition", "quantile"}) {
    const auto una = make_objective("una", with_f(f));
    EXPECT_TRUE(una->needs().columns);
    EXPECT_NE(una->lacks(lone(1, 1).sequences[0]).find("field \"ref_rewards\" is missing"),
              std::string::npos);
    EXPECT_EQ(una->lacks(lone(1, 1, {{1}, {1}, false}).sequences[0]), "");
    EXPECT_EQ(una->lacks(testing::pairs_a().sequences[0]), "");
    const std::string only_own = una->lacks(lone(1, 1, {{1}, {1}, true}).sequences[0]);
    EXPECT_EQ(only_own.empty(), f == "quantile") << only_own;
  }
  EXPECT_EQ(make_objective("una", with_f("zero"))->lacks(lone(1, 1).sequences[0]), "");
  EXPECT_FALSE(make_objective("una", with_f("quantile"))->accepts(Unit::kSft));
  EXPECT_TRUE(make_objective("una", with_f("log_partition"))->accepts(Unit::kSft));
}

TEST(UnaOffset, FewReferenceRewardsAreWarnedOfOnce) {
  const auto una = make_objective("una", with_f("log_partition"));
  ::testing::internal::CaptureStderr();
  una->observe(lone(1, 1, {{1, 0, .5, 1}, {1, 0, .5, 1}, false}).sequences);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 2; ++i) { una->observe(lone(1, 1, {{1, 0, .5}, {1, 0, .5}, false}).sequences); }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("3 reference rewards"), std::string::npos) << text;
  EXPECT_EQ(text.find("reference rewards", text.find("3 reference rewards") + 20), std::string::npos) << text;
}

TEST(UnaOffset, PlainRowsHaveNoLogPartitionAndTeachNoValueHead) {
  Batch batch;
  batch.add(Unit::kSft, 0, {-2, -4}, 1);
  batch.value = {5};
  EXPECT_EQ(offset(with_f("log_partition", "sigmoid"), batch), 0);
  EXPECT_EQ(offset(with_f("value_head", "sigmoid"), batch), 0);
  EXPECT_EQ(run("una", with_f("value_head", "sigmoid"), batch).value_slope[0], 0);
}

TEST(UnaOffset, TheValueHeadStartsAtTheMeanReward) {
  const auto start = [](const ObjectiveOptions& options) {
    const auto una = make_objective("una", options);
    EXPECT_EQ(una->initial_value(), 0);
    una->observe(lone(1, .2).sequences);
    una->observe(lone(3, .6).sequences);
    Batch label;
    label.add(Unit::kBinary, 0, {}, 1);
    label.add(Unit::kSft, 0, {}, 1);  // no reward
    una->observe(label.sequences);
    return una->initial_value();
  };
  EXPECT_NEAR(start(with_f("value_head")), 5. / 3, 1e-12);
  EXPECT_NEAR(start(with_f("value_head", "sigmoid")), std::log(.6 / .4), 1e-12);
  ObjectiveOptions other = with_f("value_head");
  other.una_reward = "standardised";  // spread 1
  EXPECT_NEAR(start(other), 5. / 3, 1e-12);
  other.una_reward = "score";
  EXPECT_NEAR(start(other), .6, 1e-12);
}

TEST(UnaOffset, TheBaselineIsPartOfTheState) {
  ObjectiveOptions options = with_f("kto_z0", "sigmoid");
  options.kl_source = "ema";
  const auto first = make_objective("una", options), second = make_objective("una", options);
  first->begin_step(1.0 / 3, 4);
  second->load_state(parse_json(first->state().dump(), "test"));
  for (Objective* una : {first.get(), second.get()}) { una->begin_step(.7, 5); }
  EXPECT_EQ(run(*first, lone(1, .7)).loss, run(*second, lone(1, .7)).loss);
  EXPECT_LT(run(*first, lone(1, .7)).metrics.means().at("una/offset"), 0);
  EXPECT_NEAR(first->loss_at_reference(lone(1, .7).sequences), std::log(2.0), 1e-12);  // of before any step
}

TEST(UnaOffset, TheRewardScaleIsPartOfTheState) {
  const ObjectiveOptions options{.una_link = "identity", .una_reward = "standardised"};
  const auto first = make_objective("una", options), second = make_objective("una", options);
  for (const double raw : {0., 1., 7.}) { first->observe(lone(raw, .5).sequences); }
  second->load_state(parse_json(first->state().dump(), "test"));
  EXPECT_EQ(run(*first, lone(2, .7)).loss, run(*second, lone(2, .7)).loss);
}

TEST(UnaOffset, OptionsThatContradictEachOtherAreRefused) {
  const auto make = [](const ObjectiveOptions& options) { make_objective("una", options); };
  EXPECT_THROW(make(with_f("quantile", "sigmoid")), InputError);
  EXPECT_THROW(make({.una_f = "quantiles"}), InputError);
  EXPECT_THROW(make({.una_quantile = "rank"}), InputError);
  EXPECT_THROW(make({.una_f = "kto_z0", .kl_source = "none"}), InputError);
  EXPECT_THROW(make({.una_f = "log_partition", .una_beta1 = 0}), InputError);
  EXPECT_THROW(make({.una_reward = "standardised"}), InputError);
  EXPECT_THROW(make({.label_smoothing = .1, .una_pair = "soft"}), InputError);
  EXPECT_THROW(make({.una_pair = "softer"}), InputError);
  EXPECT_THROW(make({.loss_weights = "pair=1"}), InputError);
  EXPECT_THROW(make({.desirable_weight = 0}), InputError);
}

TEST(UnaOffset, SoftScoresUnderL1AreWarnedOf) {
  ::testing::internal::CaptureStderr();
  run("una", {.una_loss = "l1"}, lone(.5, .5));
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("meant for labels"), std::string::npos);
  ::testing::internal::CaptureStderr();
  run("una", {.una_loss = "l1"}, testing::labels_a());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace una::objective
