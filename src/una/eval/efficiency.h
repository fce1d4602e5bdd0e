#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/eval/statistics.h"

namespace una::eval {

// One answer that the reference gave to a prompt: log(pi / pi_ref) of a policy, and the gold score.
struct JudgedAnswer {
  std::int64_t prompt = 0;
  double log_ratio = 0, gold = 0;
};

// How well a policy's implicit reward ranks the reference's own answers to a prompt as the gold score does. To first
// order along the policy's own direction gain = rho sd(gold) sqrt(2 KL) (docs/objectives.md), so rho compares methods
// whatever their beta, rate or number of steps was, without sampling from the policy.
struct Efficiency {
  Interval rho;        // correlation inside prompts, bootstrap by prompt
  double gold_sd = 0;  // of the gold score inside prompts
  double log_ratio_sd = 0;
  // log of the mean of exp log_ratio: 0 for any policy up to sampling; far from 0 the law does not hold.
  double log_mean_exp = 0;
  // Least squares slope of gold on log_ratio inside prompts: the beta at which the implicit reward is calibrated.
  double calibrated_beta = 0;
  // Share of pairs inside prompts that are in the order of the gold score, ties of log_ratio half; bootstrap by prompt.
  Interval pair_accuracy;
  std::int64_t prompts = 0, answers = 0;

  double gain_at(double kl) const;  // rho sd sqrt(2 KL), in the unit of the gold score
};

// Prompts with fewer than two answers are left out. InternalError where none is left; rho is 0 where log-ratios or gold
// scores do not differ inside any prompt. Draws follow from `seed`.
Efficiency measure_efficiency(const std::vector<JudgedAnswer>& answers, std::uint64_t seed,
                              int resamples = kResamples);

// Implicit reward against gold in equally filled bins of the implicit reward, both as distances from their prompt's
// mean: how reliable beta log_ratio is as a reward.
struct ReliabilityBin {
  double reward = 0, gold = 0;
  std::int64_t answers = 0;
};
std::vector<ReliabilityBin> reliability(const std::vector<JudgedAnswer>& answers, double beta, int bins);

std::string efficiency_text(const Efficiency& efficiency);  // a few lines for the log

}  // namespace una::eval
