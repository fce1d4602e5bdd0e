#include "una/objective/policy/sampler_gap.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

// Two answers of two tokens at log-probs -1 -2 each, rewards 1 and 0; the sampler's log-probs are `gap`
// lower.
struct Samples {
  testing::Batch batch;
  std::map<std::string, at::Tensor> columns;

  explicit Samples(const std::vector<double>& gap) {
    batch.add(Unit::kGroup, 0, {-3, -3, 2}, 1);
    batch.add(Unit::kGroup, 1, {-3, -3, 2}, 0);
    columns["sampler_logp"] = numbers({-1 - gap[0], -2 - gap[1], -1 - gap[2], -2 - gap[3]});
  }
  ObjectiveInput input() const {
    ObjectiveInput out = batch.input();
    out.columns = &columns;
    return out;
  }
  std::vector<float> slopes(const char* method, const ObjectiveOptions& options) const {
    const auto objective = make_objective(method, options);
    const at::Tensor slope =
        evaluate(*objective, input(), testing::scales_of(*objective, objective->count(batch.sequences)))
            .dlogp;
    return {slope.const_data_ptr<float>(), slope.const_data_ptr<float>() + slope.numel()};
  }
};

ObjectiveOptions correcting(const std::string& loss_type = "sigmoid") {
  ObjectiveOptions options;
  options.loss_type = loss_type;
  options.una_link = "identity";
  options.importance_sampling_correction = true;
  return options;
}

TEST(SamplerGap, MetricsAreOfTokens) {
  MetricSums metrics;
  add_sampler_gap(Samples({.1, 0, -.3, 0}).input(), metrics);
  const auto means = metrics.means();
  EXPECT_NEAR(means.at("sampling/sampling_logp_difference/mean"), .1, 1e-12);
  EXPECT_NEAR(means.at("sampling/sampling_logp_difference/max"), .3, 1e-12);
  EXPECT_NEAR(means.at("sampling/importance_sampling_ratio/mean"), (std::exp(.1) + std::exp(-.3) + 2) / 4,
              1e-12);
}

TEST(SamplerGap, TheTrainerSOldLogProbsStandAgainstTheSamplerSInLaterPasses) {
  Samples samples({0, 0, 0, 0});
  samples.columns["old_logp"] = numbers({-1.5, -2, -1, -2});
  MetricSums metrics;
  add_sampler_gap(samples.input(), metrics);
  EXPECT_NEAR(metrics.means().at("sampling/sampling_logp_difference/max"), .5, 1e-12);
}

TEST(SamplerGap, WeightsAreCappedAboveAndNotBelow) {
  const Samples samples({.5, -1, 3, 0});
  const at::Tensor tokens = token_corrections(samples.input(), correcting());
  const double wanted[] = {std::exp(.5), std::exp(-1.0), 2, 1};
  for (std::int64_t i = 0; i < 4; ++i) { EXPECT_NEAR(tokens[i].item<double>(), wanted[i], 1e-12) << i; }
  const at::Tensor answers = answer_corrections(samples.input(), correcting());
  EXPECT_NEAR(answers[0].item<double>(), std::exp(-.5), 1e-12);
  EXPECT_NEAR(answers[1].item<double>(), 2, 1e-12);
}

TEST(SamplerGap, WithoutTheSwitchNothingIsWeighed) {
  const Samples samples({.5, -1, 3, 0}), none({0, 0, 0, 0});
  ObjectiveOptions options = correcting();
  options.importance_sampling_correction = false;
  for (const char* method : {"una", "rloo"}) {
    EXPECT_EQ(samples.slopes(method, options), none.slopes(method, options)) << method;
  }
}

TEST(SamplerGap, WholeAnswerMethodsWeighAnswersAndTokenMethodsTokens) {
  const Samples samples({.5, -1, 3, 0}), none({0, 0, 0, 0});
  for (const char* method : {"una", "rloo"}) {
    const auto with = samples.slopes(method, correcting()), plain = none.slopes(method, correcting());
    EXPECT_NEAR(with[0] / plain[0], std::exp(-.5), 1e-6) << method;
    EXPECT_NEAR(with[1] / plain[1], std::exp(-.5), 1e-6) << method;
  }
  const auto with = samples.slopes("grpo", correcting("dapo")),
             plain = none.slopes("grpo", correcting("dapo"));
  EXPECT_NEAR(with[0] / plain[0], std::exp(.5), 1e-6);
  EXPECT_NEAR(with[2] / plain[2], 2, 1e-6);
}

TEST(SamplerGap, ACorrectionWithoutTheSamplerSLogProbsIsOurFault) {
  Samples samples({0, 0, 0, 0});
  samples.columns.clear();
  EXPECT_THROW(samples.slopes("rloo", correcting()), InternalError);
}

}  // namespace
}  // namespace una::objective
