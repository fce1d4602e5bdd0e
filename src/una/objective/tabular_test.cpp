#include <cmath>

#include <gtest/gtest.h>

#include "una/base/rng.h"
#include "una/objective/testing.h"

// Section 3 of docs/objectives.md on one prompt with a finite set of answers: is pi* = pi_ref exp(r / beta) /
// Z a stationary point of the expected loss under a sampler mu? The gradient by the logit of answer j is
// G_j - pi_j sum_i G_i with G_i = mu_i dL_i/dDelta_i.
namespace una::objective {
namespace {

using testing::Batch;

constexpr double kBeta = .5;
constexpr std::size_t kAnswers = 12;

struct World {
  std::vector<double> ref, best, target;  // pi_ref, pi*, reward or score
  double log_z = 0;
};

// The sigmoid link reads its reward as logit(score).
World make_world(bool scores, std::uint64_t seed) {
  Rng rng(seed, stream_id("tabular"));
  World world;
  double total = 0, z = 0;
  for (std::size_t i = 0; i < kAnswers; ++i) {
    world.ref.push_back(.2 + rng.uniform());
    total += world.ref.back();
    world.target.push_back(scores ? .55 + .3 * rng.uniform() : rng.normal() + 1);
  }
  for (std::size_t i = 0; i < kAnswers; ++i) {
    const double t = world.target[i], r = scores ? std::log(t / (1 - t)) : t;
    world.ref[i] /= total;
    world.best.push_back(world.ref[i] * std::exp(r / kBeta));
    z += world.best.back();
  }
  for (double& p : world.best) p /= z;
  world.log_z = std::log(z);
  return world;
}

// The largest component of the gradient at pi*.
double gradient(const World& world, ObjectiveOptions options, const std::vector<double>& mu) {
  options.beta = kBeta;
  Batch batch;
  const bool grouped = options.una_f == "group";
  for (std::size_t i = 0; i < kAnswers; ++i) {
    const std::int32_t slot = grouped ? static_cast<std::int32_t>(i) : 0;
    batch.add(grouped ? Unit::kGroup : Unit::kScore, slot, {std::log(world.best[i]), std::log(world.ref[i])},
              world.target[i]);
    batch.sequences.back().weight = grouped ? 1 : mu[i];
  }
  const std::vector<double> slope = testing::run("una", options, batch).slope;
  double sum = 0, largest = 0;
  for (const double s : slope) sum += s;
  for (std::size_t j = 0; j < kAnswers; ++j) {
    largest = std::max(largest, std::abs(slope[j] - world.best[j] * sum));
  }
  return largest;
}

const std::vector<double> kUniform(kAnswers, 1.0 / kAnswers);
constexpr double kZero = 1e-7, kClearly = 1e-3;

ObjectiveOptions exact(const World& world, ObjectiveOptions options) {
  options.una_f = "constant";
  options.una_constant = kBeta * world.log_z;
  return options;
}

TEST(Tabular, TheExactOffsetIsExactForEverySamplerAndLink) {
  const World rewards = make_world(false, 1), scores = make_world(true, 2);
  for (const std::string loss : {"mse", "huber"}) {
    const ObjectiveOptions options = exact(rewards, {.una_link = "identity", .una_loss = loss});
    for (const auto& mu : {rewards.ref, kUniform, rewards.best}) {
      EXPECT_LT(gradient(rewards, options, mu), kZero);
    }
  }
  for (const std::string loss : {"mse", "bce"}) {
    const ObjectiveOptions options = exact(scores, {.una_loss = loss});
    for (const auto& mu : {scores.ref, kUniform, scores.best}) {
      EXPECT_LT(gradient(scores, options, mu), kZero);
    }
  }
}

TEST(Tabular, NoOffsetIsRightOnlyOnPolicyWithTheIdentityLink) {
  const World world = make_world(false, 3);
  const ObjectiveOptions identity{.una_link = "identity"};
  EXPECT_LT(gradient(world, identity, world.best), kZero);
  EXPECT_GT(gradient(world, identity, world.ref), kClearly);
  EXPECT_GT(gradient(world, identity, kUniform), kClearly);
  const World scores = make_world(true, 4);
  for (const std::string loss : {"mse", "bce"}) {
    EXPECT_GT(gradient(scores, {.una_loss = loss}, scores.ref), 1e-4) << loss;
    EXPECT_GT(gradient(scores, {.una_loss = loss}, scores.best), 1e-6) << loss;
  }
}

TEST(Tabular, AMeanOfRewardsIsNoSubstituteForLogZ) {
  const World world = make_world(false, 5);
  double mean = 0;
  for (std::size_t i = 0; i < kAnswers; ++i) mean += world.ref[i] * world.target[i];
  const ObjectiveOptions options{.una_link = "identity", .una_f = "constant", .una_constant = mean};
  EXPECT_GT(gradient(world, options, world.ref), kClearly);
  EXPECT_LT(gradient(world, options, world.ref),
            gradient(world, {.una_link = "identity"}, world.ref));  // but it is nearer than nothing
  EXPECT_LT(mean, kBeta * world.log_z);                             // Jensen
}

TEST(Tabular, AGroupNeedsNoOffset) {
  EXPECT_LT(gradient(make_world(false, 6), {.una_link = "identity", .una_f = "group"}, kUniform), kZero);
  EXPECT_LT(gradient(make_world(true, 7), {.una_loss = "bce", .una_f = "group"}, kUniform), kZero);
}

}  // namespace
}  // namespace una::objective
