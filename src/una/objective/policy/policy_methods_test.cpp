// rloo, grpo and ppo on given samples: golden values of docs/objectives.md, weights, divisors, slopes.
#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/policy/policy_ratio.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

// Four answers to one prompt with rewards 1, 0, .5, .25; policy and reference agree, two tokens each.
Batch group_of_four() {
  Batch batch;
  const double rewards[] = {1, 0, .5, .25};
  for (std::int32_t i = 0; i < 4; ++i) { batch.add(Unit::kGroup, i, {-2, -2, 2}, rewards[i]); }
  return batch;
}

ObjectiveOptions options_with(double beta, const std::string& loss_type = "dapo") {
  ObjectiveOptions options;
  options.beta = beta;
  options.loss_type = loss_type;
  return options;
}

TEST(PolicyMethods, RlooLeavesEachAnswerOutOfItsOwnBaseline) {
  const auto rloo = make_objective("rloo", options_with(.05));
  const testing::Outcome out = testing::run(*rloo, group_of_four());
  const double advantages[] = {.75, -.583333, .083333, -.25};
  for (std::size_t i = 0; i < 4; ++i) { EXPECT_NEAR(out.slope[i], -advantages[i] / 4, 1e-6) << i; }
}

TEST(PolicyMethods, RlooPaysForTheDistanceFromTheReference) {
  Batch batch;
  batch.add(Unit::kGroup, 0, {-1, -3, 2}, 0);  // Delta 2
  batch.add(Unit::kGroup, 1, {-2, -2, 2}, 0);
  const testing::Outcome out = testing::run(*make_objective("rloo", options_with(.1)), batch);
  EXPECT_NEAR(out.slope[0], .2 / 2, 1e-7);  // A = -.1 * 2 against 0
  EXPECT_NEAR(out.slope[1], -.2 / 2, 1e-7);
  EXPECT_NEAR(out.metrics.means().at("kl"), 1, 1e-12);
}

TEST(PolicyMethods, GrpoDividesByTheGroupSDeviationAndByItsOwnDivisor) {
  const double advantages[] = {1.317157, -1.024455, .146351, -.439052};
  const Batch batch = group_of_four();
  ObjectiveOptions longest = options_with(0, "dr_grpo");
  longest.max_completion_length = 10;
  const std::pair<ObjectiveOptions, double> cases[] = {
      {options_with(0), 8}, {options_with(0, "grpo"), 8}, {longest, 40}};  // every answer has two tokens
  for (const auto& [options, divisor] : cases) {
    const testing::Outcome out = testing::run(*make_objective("grpo", options), batch);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(out.slope[i], -advantages[i] / divisor, 1e-6) << options.loss_type << " " << i;
    }
  }
}

TEST(PolicyMethods, AnAnswerWithoutWeightCountsInTheMeanAndTeachesNothing) {
  Batch batch = group_of_four();
  batch.sequences[0].answer_weight = 0;
  const testing::Outcome rloo = testing::run(*make_objective("rloo", options_with(.05)), batch);
  EXPECT_EQ(rloo.slope[0], 0);
  EXPECT_NEAR(rloo.slope[1], .583333 / 4, 1e-6);
  const testing::Outcome grpo = testing::run(*make_objective("grpo", options_with(0)), batch);
  EXPECT_EQ(grpo.slope[0], 0);
  EXPECT_NEAR(grpo.slope[1], 1.024455 / 6, 1e-6);  // six tokens are left
}

TEST(PolicyMethods, GrpoSK3HasTheSlope1MinusEToMinusD) {
  Batch batch;
  batch.add(Unit::kGroup, 0, {-1, -1.5, 1}, 0);  // d = .5
  batch.add(Unit::kGroup, 1, {-1, -1, 1}, 0);
  const testing::Outcome out = testing::run(*make_objective("grpo", options_with(.3)), batch);
  EXPECT_NEAR(out.loss, .3 * (std::exp(-.5) - 1 + .5) / 2, 1e-7);
  EXPECT_NEAR(out.slope[0], .3 * (1 - std::exp(-.5)) / 2, 1e-7);
}

TEST(PolicyMethods, TheClippedSurrogateGivesTheGoldenValue) {
  const at::Tensor ratio = numbers({1.5, .5, 1.1, .9}), advantage = numbers({1, -1, 2, -2});
  EXPECT_NEAR(clipped_surrogate(ratio, advantage, .2, .2).mean().item<double>(), -.2, 1e-12);
  EXPECT_NEAR(clipped_entries(ratio, advantage, .2, .2).mean().item<double>(), .5, 1e-12);
}

TEST(PolicyMethods, RatiosStayFiniteForAnyLogRatio) {
  const at::Tensor ratio = ratio_of(numbers({1e4, -1e4, 0}));
  EXPECT_TRUE(std::isfinite(ratio[0].item<double>()));
  EXPECT_GT(ratio[1].item<double>(), 0);
}

// One answer of three tokens with columns; token values are a leaf.
struct PpoCase {
  std::vector<SequenceMeta> sequences;
  std::map<std::string, at::Tensor> columns;
  ObjectiveInput input;

  PpoCase(const std::vector<double>& logp, const std::vector<double>& value) {
    SequenceMeta meta;
    meta.unit = Unit::kScore;
    meta.logp_end = std::ssize(logp);
    sequences = {meta};
    input.sequences = &sequences;
    input.columns = &columns;
    input.logp = numbers(logp);
    input.ref_logp = numbers(std::vector<double>(logp.size(), -1));
    input.token_value = numbers(value);
  }
};

TEST(PolicyMethods, PpoSValueLossGivesTheGoldenValue) {
  PpoCase ppo({-1, -1, -1}, {1, 0, .5});
  ppo.columns = {{"advantage", numbers({0, 0, 0})},
                 {"return", numbers({.8, -.3, 1})},
                 {"old_value", numbers({.5, .1, .4})},
                 {"old_logp", numbers({-1, -1, -1})}};
  ObjectiveOptions options = options_with(.05, "sigmoid");
  options.vf_coef = .1;
  const auto objective = make_objective("ppo", options);
  const LossTerms terms = objective->terms(ppo.input);
  EXPECT_NEAR(terms.sums[1].item<double>() / 3, .063333, 1e-6);
  EXPECT_EQ(objective->count(ppo.sequences), (std::vector<double>{3, 3}));
  EXPECT_EQ(objective->weights({3, 3}), (std::vector<double>{1, .1}));
}

// From .5 towards a return of .9, .8 is further than the clip allows: the error at .7 counts, without slope.
TEST(PolicyMethods, AValueThatMovedTooFarIsHeldToTheClippedError) {
  PpoCase ppo({-1}, {.8});
  ppo.columns = {{"advantage", numbers({0})},
                 {"return", numbers({.9})},
                 {"old_value", numbers({.5})},
                 {"old_logp", numbers({-1})}};
  const auto objective = make_objective("ppo", options_with(.05, "sigmoid"));
  const Evaluation evaluation = evaluate(*objective, ppo.input, {0, 1});
  EXPECT_NEAR(evaluation.sums[1], .5 * .04, 1e-12);
  EXPECT_EQ(evaluation.dtoken_value.const_data_ptr<float>()[0], 0);
  EXPECT_EQ(evaluation.metrics.means().at("val/clipfrac_avg"), 1);
}

TEST(PolicyMethods, PpoSGradientsAgreeWithFiniteDifferences) {
  const std::vector<double> logp = {-1.1, -.6, -2}, value = {.95, .1, .45};
  const std::map<std::string, at::Tensor> columns = {{"advantage", numbers({1, -1, .5})},
                                                     {"return", numbers({.8, -.3, 1})},
                                                     {"old_value", numbers({.5, .1, .4})},
                                                     {"old_logp", numbers({-1, -.5, -2.05})}};
  const auto ppo = make_objective("ppo", options_with(.05, "sigmoid"));
  const auto loss = [&](const std::vector<double>& l, const std::vector<double>& v) {
    PpoCase now(l, v);
    now.columns = columns;
    const LossTerms terms = ppo->terms(now.input);
    return (terms.sums[0].item<double>() + .1 * terms.sums[1].item<double>()) / 3;
  };
  PpoCase now(logp, value);
  now.columns = columns;
  const Evaluation evaluation = evaluate(*ppo, now.input, {1.0 / 3, .1 / 3});
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> up = logp, down = logp;
    up[i] += kStep, down[i] -= kStep;
    EXPECT_NEAR(evaluation.dlogp.const_data_ptr<float>()[i],
                (loss(up, value) - loss(down, value)) / (2 * kStep), 1e-6);
    up = value, down = value;
    up[i] += kStep, down[i] -= kStep;
    EXPECT_NEAR(evaluation.dtoken_value.const_data_ptr<float>()[i],
                (loss(logp, up) - loss(logp, down)) / (2 * kStep), 1e-6);
  }
}

TEST(PolicyMethods, AMissingColumnIsOurFault) {
  PpoCase ppo({-1}, {0});
  EXPECT_THROW(make_objective("ppo", options_with(.05, "sigmoid"))->terms(ppo.input), InternalError);
}

}  // namespace
}  // namespace una::objective
