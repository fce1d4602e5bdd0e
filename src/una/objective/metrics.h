#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"
#include "una/objective/sequence_sums.h"

namespace una::objective {

// What the metrics of a preference loss are made of: one value a sequence, on the host.
struct AnswerValues {
  std::vector<double> reward;     // beta * Delta (reference-free losses: beta * mean log pi)
  std::vector<double> logp;       // sum of log pi
  std::vector<double> log_ratio;  // Delta; empty without a reference
};

// rewards/{chosen,rejected,margins,accuracies}, logps/{chosen,rejected}, log_ratio, log_ratio_per_token; of
// answers whose sampler is known log_ratio/{ref,policy}.
// Margins and accuracies (strict >) come from pairs alone.
void add_answer_metrics(const ObjectiveInput& input, const AnswerValues& values, MetricSums& metrics);

// logits/{chosen,rejected}, entropy (a mean over all loss tokens) and mean_token_accuracy (over all but the
// rejected answers), as far as the input has the statistics.
void add_statistics(const ObjectiveInput& input, MetricSums& metrics);

// The spread of the weighted losses of this input's terms: _loss and _loss_sq, and loss/<part> when `part` is
// not "".
void add_loss_metrics(const std::vector<double>& losses, const std::string& part, MetricSums& metrics);

// Derived values that several methods share: loss_variance, log_mean_exp_ratio/ref, and rewards/margins where
// only labels were seen.
std::map<std::string, double> common_derived(const MetricSums& window);

}  // namespace una::objective
