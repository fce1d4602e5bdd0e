#include "una/run/prompt_ratio.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/objective/rows.h"

namespace una::run {
namespace {

// Rewards linear in features, prompts with offsets of the spread tau; `shift`: how much more of a worthless feature the
// answers to a prompt with a high offset have (a sampler whose quality goes along with the prompt).
struct Toy {
  double tau = 0, sigma = 1, shift = 0;
  std::size_t prompts = 120, answers = 2, features = 10;
};

JudgedAnswers draw(const Toy& toy, std::uint64_t seed) {
  Rng rng(seed, stream_id("choice toy"));
  JudgedAnswers out;
  std::vector<double> truth(toy.features, 0), phi;
  for (std::size_t d = 1; d < toy.features; ++d) { truth[d] = rng.normal() / 3; }
  for (std::size_t p = 0; p < toy.prompts; ++p) {
    const double offset = rng.normal();
    for (std::size_t i = 0; i < toy.answers; ++i) {
      double reward = toy.tau * offset + toy.sigma * rng.normal();
      for (std::size_t d = 0; d < toy.features; ++d) {
        const double x = rng.normal() + (d == 0 ? toy.shift * offset : 0);
        phi.push_back(x);
        reward += truth[d] * x;
      }
      out.rewards.push_back(reward);
      out.prompts.push_back(static_cast<std::int64_t>(p));
    }
  }
  const at::Tensor rows =
      objective::device_tensor(phi, at::kCPU).reshape({-1, static_cast<std::int64_t>(toy.features)});
  out.kernel = rows.mm(rows.t());
  return out;
}

double mean_lambda(const Toy& toy, bool moments = false) {
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const RatioChoice choice = choose_ratio(draw(toy, seed));
    sum += 1 / (1 + 2 * (moments ? choice.moments_ratio : choice.ratio)) / 4;
  }
  return sum;
}

TEST(PromptRatio, WithoutOffsetsItIsNearPointwise) { EXPECT_GT(mean_lambda({.tau = 0}), .8); }

TEST(PromptRatio, LargeOffsetsMakeItTrustTheGroups) { EXPECT_LT(mean_lambda({.tau = 6}), .1); }

TEST(PromptRatio, WhereOffsetsGoAlongWithTheSamplerItFallsBackToCentringAndTheVariancesDoNot) {
  const Toy toy{.tau = 1, .shift = 2};
  EXPECT_LT(mean_lambda(toy), .2);
  EXPECT_GT(mean_lambda(toy, true), .2);
}

TEST(PromptRatio, ALossThatSpeaksAgainstTheVariancesDecides) {
  const RatioChoice choice = choose_ratio(draw({.tau = 1, .shift = 2, .prompts = 200}, 1));
  ASSERT_EQ(choice.lambdas.size(), choice.losses.size());
  double least = choice.losses[0], at = 0;
  for (std::size_t i = 0; i < choice.losses.size(); ++i) {
    if (choice.losses[i] < least) {
      least = choice.losses[i];
      at = choice.lambdas[i];
    }
  }
  EXPECT_TRUE(choice.by_loss);
  EXPECT_NEAR(1 / (1 + 2 * choice.ratio), at, 1e-12);
  EXPECT_LT(least, choice.zero_loss);
  EXPECT_NE(choice.text().find("by the held-out loss"), std::string::npos);
}

// One feature per answer, none shared: a fit of some answers says nothing about others.
TEST(PromptRatio, WhereNothingCanBeLearntTheVariancesDecide) {
  JudgedAnswers answers = draw({.tau = 2, .prompts = 200}, 3);
  answers.kernel = at::eye(static_cast<std::int64_t>(answers.rewards.size()), at::kDouble);
  const RatioChoice choice = choose_ratio(answers);
  EXPECT_FALSE(choice.by_loss);
  EXPECT_EQ(choice.ratio, choice.moments_ratio);
  EXPECT_NEAR(choice.moments_ratio, 4 / 2.0, .8);  // the features add 1 to the noise of 1
}

// The sampler and the answers alone on their prompt do not stop it.
TEST(PromptRatio, UnequalGroupsAreFitted) {
  JudgedAnswers answers = draw({.tau = .5}, 2);
  for (std::size_t i = 0; i < 60; ++i) {
    answers.prompts[i] = 1000 + static_cast<std::int64_t>(i < 20 ? i : i / 3);
  }
  EXPECT_TRUE(std::isfinite(choose_ratio(answers).ratio));
}

TEST(PromptRatio, OnePromptIsNotEnough) {
  JudgedAnswers answers = draw({.prompts = 1}, 1);
  EXPECT_THROW(choose_ratio(answers), InternalError);
}

}  // namespace
}  // namespace una::run
