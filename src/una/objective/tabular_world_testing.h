#pragma once

#include <cmath>
#include <vector>

#include "una/base/rng.h"

// Small worlds in which every expectation is a sum: a few prompts with a few answers each, one softmax policy
// per prompt, J by enumeration.
namespace una::objective::testing {

inline constexpr std::size_t kPrompts = 8, kChoices = 6;
using Table = std::vector<std::vector<double>>;  // [kPrompts][kChoices]

inline Table filled(double value) { return Table(kPrompts, std::vector<double>(kChoices, value)); }

// A world of a few prompts and answers whose optimal policy is known in closed form.
struct World {
  double beta = 0;
  Table copies;                           // how often the answer occurs among the prompt's reference samples
  Table ref, reward, best;                // pi_ref, r, pi* = pi_ref exp(r / beta) / Z
  double gap(const Table& policy) const;  // J(pi*) - J(policy) = beta KL(policy || pi*), mean over prompts
};

inline double World::gap(const Table& policy) const {
  double sum = 0;
  for (std::size_t p = 0; p < kPrompts; ++p) {
    for (std::size_t i = 0; i < kChoices; ++i) {
      if (policy[p][i] > 0) { sum += policy[p][i] * std::log(policy[p][i] / best[p][i]); }
    }
  }
  return beta * sum / static_cast<double>(kPrompts);
}

// A: r = b_x + N(0, 1), b_x ~ N(0, 2), beta .5, less the mean of beta log Z, so that prompts have offsets and
// share none. C: r = logit(s), s ~ U(.55, .85), beta .1.
inline World make_world(bool scores, std::uint64_t seed) {
  Rng rng(seed, stream_id("tabular"));
  World world{scores ? .1 : .5, filled(0), filled(0), filled(0), filled(0)};
  double shared = 0;
  for (std::size_t p = 0; p < kPrompts; ++p) {
    const double prompt = 2 * rng.normal();
    double copies = 0, z = 0;
    for (std::size_t i = 0; i < kChoices; ++i) {
      const double s = .55 + .3 * rng.uniform();
      world.reward[p][i] = scores ? std::log(s / (1 - s)) : prompt + rng.normal();
      copies += world.copies[p][i] = static_cast<double>(1 + rng.below(3));
    }
    for (std::size_t i = 0; i < kChoices; ++i) {
      world.ref[p][i] = world.copies[p][i] / copies;
      z += world.best[p][i] = world.ref[p][i] * std::exp(world.reward[p][i] / world.beta);
    }
    for (double& probability : world.best[p]) { probability /= z; }
    shared += world.beta * std::log(z) / static_cast<double>(kPrompts);
  }
  for (std::vector<double>& row : world.reward) {
    for (double& r : row) { r -= scores ? 0 : shared; }
  }
  return world;
}

}  // namespace una::objective::testing
