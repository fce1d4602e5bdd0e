#pragma once

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// The distance between a step's policy and the sampling policy, and its consequences.

// Adds policy/approxkl_avg, half the mean squared log-ratio per token (TRL's), val/ratio, the mean ratio per
// token, and the sum for val/ratio_var. `moved`: log pi - log pi_old, [N] fp64, detached.
void add_ratio_metrics(const at::Tensor& moved, MetricSums& metrics);

// kEndRound if policy/approxkl_avg exceeds kl_early_stop, kSkip if val/ratio exceeds ratio_threshold (like
// TRL's former ratio_threshold). A step without the metric is applied.
StepVerdict judge_ratios(const ObjectiveOptions& options, const MetricSums& step);

// val/ratio_var, if the window has its sums.
std::map<std::string, double> ratio_derived(const MetricSums& window);

}  // namespace una::objective
