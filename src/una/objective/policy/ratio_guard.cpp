#include "una/objective/policy/ratio_guard.h"

#include <algorithm>

#include "una/objective/policy/policy_ratio.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

const char* const kApproximateKl = "policy/approxkl_avg";
const char* const kRatio = "val/ratio";
const char* const kSquaredRatio = "_val/ratio_sq";

double sum_of(const at::Tensor& values) { return host_values(values.sum().reshape({1})).front(); }

}  // namespace

void add_ratio_metrics(const at::Tensor& moved, MetricSums& metrics) {
  const auto tokens = static_cast<double>(moved.numel());
  const at::Tensor ratio = ratio_of(moved);
  metrics.add(kApproximateKl, 0.5 * sum_of(moved * moved), tokens);
  metrics.add(kRatio, sum_of(ratio), tokens);
  metrics.add(kSquaredRatio, sum_of(ratio * ratio), tokens);
}

StepVerdict judge_ratios(const ObjectiveOptions& options, const MetricSums& step) {
  const auto mean = [&](const char* name) { return step.sum(name) / std::max(1.0, step.count(name)); };
  if (options.kl_early_stop > 0 && mean(kApproximateKl) > options.kl_early_stop) {
    return StepVerdict::kEndRound;
  }
  if (options.ratio_threshold > 0 && mean(kRatio) > options.ratio_threshold) { return StepVerdict::kSkip; }
  return StepVerdict::kApply;
}

std::map<std::string, double> ratio_derived(const MetricSums& window) {
  const double tokens = window.count(kSquaredRatio);
  if (tokens < 2) { return {}; }
  const double mean = window.sum(kRatio) / tokens;
  return {
      {"val/ratio_var", std::max(0.0, (window.sum(kSquaredRatio) - tokens * mean * mean) / (tokens - 1))}};
}

}  // namespace una::objective
