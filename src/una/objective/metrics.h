#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"
#include "una/objective/sequence_sums.h"

namespace una::objective {

// The inputs of a preference loss's metrics: one value per sequence, on the host.
struct AnswerValues {
  std::vector<double> reward;     // beta * Delta (reference-free losses: beta * mean log pi)
  std::vector<double> logp;       // sum of log pi
  std::vector<double> log_ratio;  // Delta; empty without a reference
};

// Adds rewards/{chosen,rejected,margins,accuracies}, logps/{chosen,rejected}, log_ratio, log_ratio_per_token,
// and log_ratio/{ref,policy} for answers whose sampler is known. Margins and accuracies (strict >) are
// computed from pairs only.
void add_answer_metrics(const ObjectiveInput& input, const AnswerValues& values, MetricSums& metrics);

// Adds logits/{chosen,rejected}, entropy (mean over all loss tokens) and mean_token_accuracy (over all except
// the rejected answers), where the input has the statistics.
void add_statistics(const ObjectiveInput& input, MetricSums& metrics);

// Adds the sums for the spread of this input's weighted losses, _loss and _loss_sq, and loss/<part> unless
// `part` is "".
void add_loss_metrics(const std::vector<double>& losses, const std::string& part, MetricSums& metrics);

// Derived values that several methods share: loss_variance, log_mean_exp_ratio/ref, and rewards/margins when
// only labels were seen.
std::map<std::string, double> common_derived(const MetricSums& window);

}  // namespace una::objective
