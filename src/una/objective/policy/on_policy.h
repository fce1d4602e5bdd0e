#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// The common part of the losses on the policy's own samples (rloo, grpo, ppo). Their loss at step 0 depends
// on the sampled advantages, so it is not predictable; a step far from the policy that sampled is withheld.
class OnPolicyObjective : public Objective {
 public:
  explicit OnPolicyObjective(const ObjectiveOptions& options) : options_(options) {}

  double loss_at_reference(const std::vector<SequenceMeta>&) const override;  // NaN
  StepVerdict judge(const MetricSums& step) const override;
  std::map<std::string, double> derived(const MetricSums& window) const override;

 protected:
  const ObjectiveOptions& options() const { return options_; }
  // The metrics that all of them log. `moved` [N] fp64: log pi - log pi_old.
  static void add_common_metrics(const ObjectiveInput& input, const at::Tensor& moved, MetricSums& metrics);

 private:
  ObjectiveOptions options_;
};

}  // namespace una::objective
