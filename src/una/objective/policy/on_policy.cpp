#include "una/objective/policy/on_policy.h"

#include <cmath>

#include "una/objective/metrics.h"
#include "una/objective/policy/ratio_guard.h"
#include "una/objective/policy/sampler_gap.h"

namespace una::objective {

double OnPolicyObjective::loss_at_reference(const std::vector<SequenceMeta>&) const { return std::nan(""); }

StepVerdict OnPolicyObjective::judge(const MetricSums& step) const { return judge_ratios(options_, step); }

std::map<std::string, double> OnPolicyObjective::derived(const MetricSums& window) const {
  return ratio_derived(window);
}

void OnPolicyObjective::add_common_metrics(const ObjectiveInput& input, const at::Tensor& moved,
                                           MetricSums& metrics) {
  add_ratio_metrics(moved.detach(), metrics);
  add_sampler_gap(input, metrics);
  add_statistics(input, metrics);
}

}  // namespace una::objective
