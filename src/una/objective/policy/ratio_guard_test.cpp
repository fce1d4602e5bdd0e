#include "una/objective/policy/ratio_guard.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

MetricSums step_of(const std::vector<double>& moved) {
  MetricSums step;
  add_ratio_metrics(at::tensor(moved, at::TensorOptions().dtype(at::kDouble)), step);
  return step;
}

TEST(RatioGuard, MetricsAreMeansOverTokens) {
  MetricSums step = step_of({.1, -.3});
  step.merge(step_of({0}));
  const auto means = step.means();
  EXPECT_NEAR(means.at("policy/approxkl_avg"), .5 * (.01 + .09) / 3, 1e-12);
  const double ratios[] = {std::exp(.1), std::exp(-.3), 1};
  const double mean = (ratios[0] + ratios[1] + ratios[2]) / 3;
  EXPECT_NEAR(means.at("val/ratio"), mean, 1e-12);
  double variance = 0;
  for (const double ratio : ratios) { variance += (ratio - mean) * (ratio - mean) / 2; }
  EXPECT_NEAR(ratio_derived(step).at("val/ratio_var"), variance, 1e-12);
}

TEST(RatioGuard, LimitsOf0NeverWithholdAStep) {
  EXPECT_EQ(judge_ratios({}, step_of({5, -5})), StepVerdict::kApply);
}

TEST(RatioGuard, AKlAboveTheLimitEndsTheRound) {
  ObjectiveOptions options;
  options.kl_early_stop = .02;
  EXPECT_EQ(judge_ratios(options, step_of({.19, -.19})), StepVerdict::kApply);  // .01805
  EXPECT_EQ(judge_ratios(options, step_of({.21, -.21})), StepVerdict::kEndRound);
  EXPECT_EQ(judge_ratios(options, MetricSums()), StepVerdict::kApply);
}

TEST(RatioGuard, AMeanRatioAboveTheThresholdSkipsTheStep) {
  ObjectiveOptions options;
  options.ratio_threshold = 1.5;
  EXPECT_EQ(judge_ratios(options, step_of({.4, .4})), StepVerdict::kApply);  // 1.492
  EXPECT_EQ(judge_ratios(options, step_of({.41, .41})), StepVerdict::kSkip);
  options.kl_early_stop = .01;
  EXPECT_EQ(judge_ratios(options, step_of({.41, .41})), StepVerdict::kEndRound) << "the stronger of the two";
}

TEST(RatioGuard, EveryRatioMethodJudgesItsSteps) {
  ObjectiveOptions options;
  options.kl_early_stop = .01;
  for (const char* method : {"una", "rloo", "grpo", "ppo"}) {
    options.loss_type = std::string(method) == "grpo" ? "dapo" : "sigmoid";
    EXPECT_EQ(make_objective(method, options)->judge(step_of({1})), StepVerdict::kEndRound) << method;
  }
}

TEST(RatioGuard, LimitsThatMakeNoSenseAreRefused) {
  ObjectiveOptions options;
  options.ratio_threshold = .9;
  EXPECT_THROW(make_objective("rloo", options), InputError);
  options.ratio_threshold = 0;
  options.kl_early_stop = -1;
  EXPECT_THROW(make_objective("ppo", options), InputError);
  options.kl_early_stop = 0;
  options.importance_sampling_cap = .5;
  EXPECT_THROW(make_objective("una", options), InputError);
}

}  // namespace
}  // namespace una::objective
