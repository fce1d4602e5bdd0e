#pragma once

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// How far a step's policy is from the one that sampled, and what follows from it.

// policy/approxkl_avg: half the mean squared log-ratio of a token (TRL's); val/ratio and the sum behind
// val/ratio_var: mean ratio of a token. `moved`: log pi - log pi_old, [N] fp64, detached.
void add_ratio_metrics(const at::Tensor& moved, MetricSums& metrics);

// kEndRound where policy/approxkl_avg is over kl_early_stop, kSkip where val/ratio is over ratio_threshold
// (as TRL's ratio_threshold did). A step that has no such metric is applied.
StepVerdict judge_ratios(const ObjectiveOptions& options, const MetricSums& step);

// val/ratio_var, where the window has what it takes.
std::map<std::string, double> ratio_derived(const MetricSums& window);

}  // namespace una::objective
