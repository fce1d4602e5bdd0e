#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "una/objective/tabular_world_testing.h"
#include "una/objective/testing.h"

namespace una::objective::testing {

// One of the room's losses, applied to populations instead of samples: an answer's row weight is its
// probability under the sampler. A value head's V(x) is E_ref r here.
struct Loss {
  std::string name;
  ObjectiveOptions options;
  bool refit = false;  // one constant for all prompts, the one that makes the mean residual zero
};

// The sampler of the population.
enum class Drawn { kReference, kUniform, kPolicy };

// Finds where the expected gradient vanishes.
class TabularRun {
 public:
  TabularRun(const World& world, const Loss& loss, Drawn drawn)
      : world_(world), loss_(loss), drawn_(drawn), logits_(filled(0)), options_(loss.options) {
    options_.beta = world.beta;
    options_.una_beta1 = world.beta;
    for (std::size_t p = 0; p < kPrompts; ++p) {
      for (std::size_t i = 0; i < kChoices; ++i) { logits_[p][i] = std::log(world.ref[p][i]); }
      build(p);
    }
    steps_.assign(kPrompts, first_step());
  }

  // The remaining J-gap.
  double solve() {
    for (int iteration = 0; iteration < 300; ++iteration) {
      if (!(move() > 1e-8)) { break; }
    }
    return world_.gap(policy());
  }

 private:
  bool grouped() const { return options_.una_f == "group" || options_.una_f == "shrunk"; }
  // 1 / curvature of the loss at its minimum, where it has one.
  double first_step() const {
    const double curvature = options_.una_link == "identity" ? 2 : options_.una_loss == "bce" ? .25 : .125;
    return 1 / (curvature * world_.beta * world_.beta);
  }

  void add(Unit unit, std::int32_t slot, std::size_t p, std::size_t i) {
    const double r = world_.reward[p][i];
    SequenceMeta& meta = batch_.add(unit, slot, {0, std::log(world_.ref[p][i]), 1}, 1 / (1 + std::exp(-r)));
    meta.raw_score = r;
    for (std::size_t j = 0; j < kChoices; ++j) {
      for (int copy = 0; copy < static_cast<int>(world_.copies[p][j]); ++copy) {
        meta.ref_rewards.raw.push_back(world_.reward[p][j]);
        meta.ref_rewards.scores.push_back(1 / (1 + std::exp(-world_.reward[p][j])));
      }
    }
    prompt_.push_back(p);
    answer_.push_back(i);
    double mean = 0;
    for (std::size_t j = 0; j < kChoices; ++j) { mean += world_.ref[p][j] * world_.reward[p][j]; }
    batch_.value.push_back(mean);
  }

  // Groups of two independent samples, each pair of answers once. Equal ones have a loss only where a group's own mean
  // is not all of f.
  void build(std::size_t p) {
    for (std::size_t i = 0; i < kChoices; ++i) {
      if (!grouped()) { add(Unit::kScore, 0, p, i); }
      const std::size_t first = options_.una_f == "shrunk" ? i : i + 1;
      for (std::size_t j = first; grouped() && j < kChoices; ++j) {
        add(Unit::kGroup, 0, p, i);
        add(Unit::kGroup, 1, p, j);
      }
    }
  }

  Table policy() const {
    Table out = logits_;
    for (std::vector<double>& row : out) {
      double sum = 0;
      for (double& x : row) { sum += x = std::exp(x); }
      for (double& x : row) { x /= sum; }
    }
    return out;
  }

  // dL/dDelta summed over the rows of each answer, under the sampler's weights.
  Table slopes(const Table& pi, const Table& mu) {
    for (std::size_t s = 0; s < prompt_.size(); ++s) {
      const std::size_t p = prompt_[s], first = s - static_cast<std::size_t>(batch_.sequences[s].slot);
      batch_.logp[s] = std::log(pi[p][answer_[s]]);
      const double times = grouped() && answer_[first] != answer_[first + 1] ? 2 : 1;
      batch_.sequences[s].weight =
          grouped() ? times * mu[p][answer_[first]] * mu[p][answer_[first + 1]] : mu[p][answer_[s]];
    }
    if (loss_.refit) { refit(pi, mu); }
    const auto objective = make_objective("una", options_);
    const Evaluation evaluation =
        evaluate(*objective, batch_.input(), std::vector<double>(objective->parts().size(), 1));
    Table out = filled(0);
    for (std::size_t s = 0; s < prompt_.size(); ++s) {
      out[prompt_[s]][answer_[s]] += evaluation.dlogp.const_data_ptr<float>()[s];
    }
    return out;
  }

  // Newton on the mean residual.
  void refit(const Table& pi, const Table& mu) {
    for (int round = 0; round < 3; ++round) {
      double residual = 0, slope = 0;
      for (std::size_t p = 0; p < kPrompts; ++p) {
        for (std::size_t i = 0; i < kChoices; ++i) {
          const double u = world_.beta * std::log(pi[p][i] / world_.ref[p][i]) + options_.una_constant;
          const double r = world_.reward[p][i], s = 1 / (1 + std::exp(-u));
          const bool identity = options_.una_link == "identity";
          residual += mu[p][i] * (identity ? u - r : s - 1 / (1 + std::exp(-r)));
          slope += mu[p][i] * (identity ? 1 : s * (1 - s));
        }
      }
      options_.una_constant -= std::clamp(residual / std::max(slope, 1e-3), -1.0, 1.0);
    }
  }

  // One step of gradient descent on the logits, scaled by the sampler's probabilities, with Barzilai and
  // Borwein's step length per prompt. Returns the largest component of the gradient.
  double move() {
    const Table pi = policy();
    const Table mu = drawn_ == Drawn::kReference ? world_.ref
                     : drawn_ == Drawn::kUniform ? filled(1.0 / static_cast<double>(kChoices))
                                                 : pi;
    Table gradient = slopes(pi, mu);
    double largest = 0;
    for (std::size_t p = 0; p < kPrompts; ++p) {
      double sum = 0;
      for (const double g : gradient[p]) { sum += g; }
      for (std::size_t i = 0; i < kChoices; ++i) {
        gradient[p][i] -= pi[p][i] * sum;
        largest = std::max(largest, std::abs(gradient[p][i]));
      }
      // On-policy squares over the identity link are a natural gradient: the first step is the right one.
      const bool exact = drawn_ == Drawn::kPolicy && options_.una_link == "identity";
      if (!before_.empty() && !exact) { choose_step(p, gradient[p], mu[p]); }
    }
    before_ = logits_;
    gradient_before_ = gradient;
    for (std::size_t p = 0; p < kPrompts; ++p) { descend(p, gradient[p], mu[p]); }
    return largest;
  }

  void choose_step(std::size_t p, const std::vector<double>& gradient, const std::vector<double>& mu) {
    double along = 0, size = 0;
    for (std::size_t i = 0; i < kChoices; ++i) {
      const double y = gradient[i] - gradient_before_[p][i];
      along += (logits_[p][i] - before_[p][i]) * y;
      size += y * y / mu[i];
    }
    const double wanted = along > 0 && size > 0 ? along / size : first_step();
    steps_[p] = std::clamp(wanted, 1e-3 * first_step(), 1e5 * first_step());
  }

  void descend(std::size_t p, const std::vector<double>& gradient, const std::vector<double>& mu) {
    double longest = 1e-9;
    for (std::size_t i = 0; i < kChoices; ++i) {
      longest = std::max(longest, std::abs(steps_[p] * gradient[i] / mu[i]));
    }
    const double length = steps_[p] * std::min(1.0, 4 / longest);
    for (std::size_t i = 0; i < kChoices; ++i) { logits_[p][i] -= length * gradient[i] / mu[i]; }
    const double top = *std::max_element(logits_[p].begin(), logits_[p].end());
    for (double& x : logits_[p]) { x -= top; }
  }

  const World& world_;
  const Loss& loss_;
  Drawn drawn_;
  Table logits_, before_, gradient_before_;
  ObjectiveOptions options_;
  std::vector<double> steps_;
  Batch batch_;
  std::vector<std::size_t> prompt_, answer_;
};

}  // namespace una::objective::testing
