// Every sample of a tiny policy is enumerated, so expectations are exact: vocabulary 3 (0 ends), length up to
// 2, two answers a prompt. J = E[r] - beta KL(pi || ref). Which losses have the gradient of J, and which do
// not.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include "una/base/rng.h"
#include "una/objective/objective.h"
#include "una/online/advantage.h"

namespace una::online {
namespace {

using objective::Objective;
using objective::ObjectiveInput;
using objective::ObjectiveOptions;
using Ids = std::vector<std::int64_t>;

constexpr double kBeta = 0.3;

std::vector<Ids> all_answers() {
  std::vector<Ids> out = {{0}};
  for (std::int64_t a = 1; a < 3; ++a) {
    for (std::int64_t b = 0; b < 3; ++b) { out.push_back({a, b}); }
  }
  return out;
}

at::Tensor random_table(std::uint64_t seed) {
  Rng rng(seed, stream_id("table"));
  std::vector<double> values(9);
  for (double& value : values) { value = rng.normal(); }
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble)).view({3, 3});
}

// Row 0: the first token; row a: the second after a.
at::Tensor token_logps(const at::Tensor& table, const Ids& ids) {
  const at::Tensor logps = at::log_softmax(table, 1);
  std::vector<at::Tensor> out = {logps[0][ids[0]].reshape({1})};
  if (ids.size() > 1) { out.push_back(logps[ids[0]][ids[1]].reshape({1})); }
  return at::cat(out);
}

struct World {
  std::vector<Ids> answers = all_answers();
  at::Tensor table = random_table(1).requires_grad_(), reference = random_table(2);
  std::vector<double> rewards;

  World() {
    Rng rng(3, stream_id("rewards"));
    for (std::size_t i = 0; i < answers.size(); ++i) { rewards.push_back(2 * rng.normal()); }
  }
  double probability(std::size_t i) const {
    return std::exp(token_logps(table, answers[i]).sum().item<double>());
  }

  at::Tensor gradient(const at::Tensor& value) const { return torch::autograd::grad({value}, {table})[0]; }

  // The exact gradient of E[r] - beta KL.
  at::Tensor gradient_of_j(double beta) const {
    at::Tensor j = at::zeros_like(table).sum();
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const at::Tensor logp = token_logps(table, answers[i]).sum();
      const at::Tensor delta = logp - token_logps(reference, answers[i]).sum();
      j = j + logp.exp() * (rewards[i] - beta * delta);
    }
    return gradient(j);
  }
};

struct Group {
  std::vector<SequenceMeta> sequences;
  ObjectiveInput input;
  std::map<std::string, at::Tensor> columns;
};

// Answers i and j to one prompt.
Group group_of(const World& world, std::size_t i, std::size_t j) {
  Group group;
  std::vector<at::Tensor> logps, reference;
  std::int64_t at = 0;
  for (const std::size_t index : {i, j}) {
    SequenceMeta meta;
    meta.slot = index == i && group.sequences.empty() ? 0 : 1;
    meta.unit = Unit::kGroup;
    meta.raw_score = world.rewards[index];
    meta.logp_begin = at;
    at += std::ssize(world.answers[index]);
    meta.logp_end = at;
    group.sequences.push_back(meta);
    logps.push_back(token_logps(world.table, world.answers[index]));
    reference.push_back(token_logps(world.reference, world.answers[index]));
  }
  group.input.logp = at::cat(logps);
  group.input.ref_logp = at::cat(reference);
  return group;
}

// sum_k lambda_k S_k / N_k of a step that holds this group alone.
at::Tensor loss_of(const Objective& objective, Group& group) {
  group.input.sequences = &group.sequences;
  group.input.columns = &group.columns;
  const objective::LossTerms terms = objective.terms(group.input);
  const std::vector<double> counts = objective.count(group.sequences), weights = objective.weights(counts);
  at::Tensor loss;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0) { continue; }
    const at::Tensor term = weights[k] / counts[k] * terms.sums[k];
    loss = loss.defined() ? loss + term : term;
  }
  return loss;
}

at::Tensor expected_gradient(const World& world, const Objective& objective) {
  at::Tensor total = at::zeros_like(world.table);
  for (std::size_t i = 0; i < world.answers.size(); ++i) {
    for (std::size_t j = 0; j < world.answers.size(); ++j) {
      Group group = group_of(world, i, j);
      total += world.probability(i) * world.probability(j) * world.gradient(loss_of(objective, group));
    }
  }
  return total;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

ObjectiveOptions identity_una(const char* f) {
  ObjectiveOptions options;
  options.beta = kBeta;
  options.una_link = "identity";
  options.una_f = f;
  return options;
}

TEST(Estimators, IdentityUnaUnaCAndRlooHaveTheGradientOfJ) {
  const World world;
  const at::Tensor exact = world.gradient_of_j(kBeta);
  const auto una = objective::make_objective("una", identity_una("zero"));
  const auto una_c = objective::make_objective("una", identity_una("group"));
  ObjectiveOptions options;
  options.beta = kBeta;
  const auto rloo = objective::make_objective("rloo", options);
  EXPECT_LT(largest_difference(expected_gradient(world, *una), -2 * kBeta * exact), 1e-10);
  EXPECT_LT(largest_difference(expected_gradient(world, *una_c), -2 * kBeta * exact), 1e-10);
  EXPECT_LT(largest_difference(expected_gradient(world, *rloo), -exact), 1e-10);
}

TEST(Estimators, UnaCIs2BetaRlooSampleBySample) {
  const World world;
  const auto una_c = objective::make_objective("una", identity_una("group"));
  ObjectiveOptions options;
  options.beta = kBeta;
  const auto rloo = objective::make_objective("rloo", options);
  for (std::size_t i = 0; i < world.answers.size(); ++i) {
    Group a = group_of(world, i, 3), b = group_of(world, i, 3);
    const at::Tensor left = world.gradient(loss_of(*una_c, a)), right = world.gradient(loss_of(*rloo, b));
    EXPECT_LT(largest_difference(left, 2 * kBeta * right), 1e-12) << i;
  }
}

TEST(Estimators, SigmoidUnaAndGrpoWithK3OrItsStdHaveAnotherGradient) {
  const World world;
  const at::Tensor exact = world.gradient_of_j(kBeta);
  const auto differs = [&](const at::Tensor& gradient) {
    // best multiple of the exact gradient: a bias is what no scale removes
    const double scale = ((gradient * exact).sum() / (exact * exact).sum()).item<double>();
    return largest_difference(gradient, scale * exact) > 1e-3 * gradient.abs().max().item<double>();
  };
  ObjectiveOptions sigmoid;
  sigmoid.beta = kBeta;
  EXPECT_TRUE(differs(expected_gradient(world, *objective::make_objective("una", sigmoid))));
  ObjectiveOptions grpo;
  grpo.beta = kBeta;
  grpo.loss_type = "dr_grpo";
  EXPECT_TRUE(differs(expected_gradient(world, *objective::make_objective("grpo", grpo))));
  grpo.scale_rewards = "none";  // k3 in the loss is left
  EXPECT_TRUE(differs(expected_gradient(world, *objective::make_objective("grpo", grpo))));
}

TEST(Estimators, GrpoWithoutKlAndStdHasHalfTheGradientOfTheMeanReward) {
  const World world;
  ObjectiveOptions options;
  options.beta = 0;
  options.loss_type = "dr_grpo";
  options.scale_rewards = "none";
  options.max_completion_length = 2;
  const at::Tensor found = expected_gradient(world, *objective::make_objective("grpo", options));
  // (k - 1) / k of it, since the mean holds the answer itself; divided by the longest answer.
  EXPECT_LT(largest_difference(found, -0.5 / 2 * world.gradient_of_j(0)), 1e-10);
}

TEST(Estimators, PpoSSurrogateAtRatio1HasTheGradientOfJForAnyValueFunction) {
  const World world;
  ObjectiveOptions options;
  options.beta = kBeta;
  options.vf_coef = 0;
  const auto ppo = objective::make_objective("ppo", options);
  at::Tensor total = at::zeros_like(world.table);
  for (std::size_t i = 0; i < world.answers.size(); ++i) {
    Group group = group_of(world, i, i);
    group.sequences.pop_back();  // one answer
    group.sequences[0].unit = Unit::kScore;
    const std::int64_t n = group.sequences[0].loss_tokens();
    group.input.logp = group.input.logp.narrow(0, 0, n);
    group.input.ref_logp = group.input.ref_logp.narrow(0, 0, n);
    const auto host = [](const at::Tensor& t) {
      const at::Tensor f = t.detach().to(at::kDouble).contiguous();
      return std::vector<double>(f.const_data_ptr<double>(), f.const_data_ptr<double>() + f.numel());
    };
    const std::vector<double> now = host(group.input.logp), ref = host(group.input.ref_logp);
    std::vector<double> rewards, values;
    for (std::size_t t = 0; t < now.size(); ++t) {
      rewards.push_back(-kBeta * (now[t] - ref[t]));
      // a baseline may know what came before, not the token itself
      values.push_back(t == 0 ? 0.7 : -0.4 * static_cast<double>(world.answers[i][0]));
    }
    rewards.back() += world.rewards[i];
    const Advantages advantages = generalized_advantages(rewards, values, 1, 1);
    const auto fp64 = at::TensorOptions().dtype(at::kDouble);
    group.columns["advantage"] = at::tensor(advantages.advantage, fp64);
    group.columns["return"] = at::tensor(advantages.returns, fp64);
    group.columns["old_value"] = group.input.token_value = at::tensor(values, fp64);
    group.input.sequences = &group.sequences;
    group.input.columns = &group.columns;
    total += world.probability(i) * world.gradient(ppo->terms(group.input).sums[0]);
  }
  EXPECT_LT(largest_difference(total, -world.gradient_of_j(kBeta)), 1e-10);
}

}  // namespace
}  // namespace una::online
