#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "una/eval/statistics.h"

namespace una::eval {

// One policy of a method's family (a beta, a checkpoint, a scale of its adapter), measured on held-out prompts, the
// same for all policies of a seed: each prompt's mean gain in gold over the start model, and mean log-ratio of own
// samples, whose mean over prompts is the KL.
struct FamilyMember {
  std::vector<double> gains, log_ratios;
};

// A method's family by seed; the start model itself, no gain at KL 0, is a member of each.
struct Family {
  std::vector<std::vector<FamilyMember>> seeds;
};

// Mean over seeds of the gain at this KL: on each seed the straight line in sqrt(KL) between the two members around it,
// since gain grows with sqrt(KL) to first order. nullopt where a seed's family does not reach the KL: nothing is
// extrapolated.
std::optional<double> gain_at_kl(const Family& family, double kl);

// The same with a 95 % interval: a bootstrap that draws seeds, then prompts in each (the same prompts for all its
// members). Draws whose family does not reach the KL are left out; nullopt where that are more than half.
std::optional<Interval> gain_band(const Family& family, double kl, std::uint64_t seed,
                                  int resamples = kResamples);

// The difference a - b at this KL, seeds and prompts of both drawn together. InternalError when the families have other
// seeds or prompts.
std::optional<Interval> paired_difference(const Family& a, const Family& b, double kl, std::uint64_t seed,
                                          int resamples = kResamples);

}  // namespace una::eval
