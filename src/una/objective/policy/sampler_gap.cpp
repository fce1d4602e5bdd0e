#include "una/objective/policy/sampler_gap.h"

#include <ATen/ops/ones_like.h>

#include "una/objective/policy/policy_ratio.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

const char* const kColumn = "sampler_logp";

at::Tensor gap(const ObjectiveInput& input) {
  return old_logps(input) - column(input, kColumn, input.logp.size(0));
}

at::Tensor capped(const at::Tensor& log_weight, const ObjectiveOptions& options) {
  return ratio_of(log_weight).clamp_max(options.importance_sampling_cap);
}

}  // namespace

void add_sampler_gap(const ObjectiveInput& input, MetricSums& metrics) {
  if (input.columns == nullptr || input.columns->count(kColumn) == 0 || input.logp.size(0) == 0) { return; }
  const at::Tensor difference = gap(input);
  const auto tokens = static_cast<double>(difference.numel());
  const auto number = [](const at::Tensor& value) { return host_values(value.reshape({1})).front(); };
  metrics.add("sampling/sampling_logp_difference/mean", number(difference.abs().sum()), tokens);
  metrics.add_max("sampling/sampling_logp_difference/max", number(difference.abs().max()));
  metrics.add("sampling/importance_sampling_ratio/mean", number(ratio_of(difference).sum()), tokens);
}

at::Tensor token_corrections(const ObjectiveInput& input, const ObjectiveOptions& options) {
  if (!options.importance_sampling_correction) {
    return at::ones_like(input.logp.detach(), at::TensorOptions().dtype(at::kDouble));
  }
  return capped(gap(input), options);
}

at::Tensor answer_corrections(const ObjectiveInput& input, const ObjectiveOptions& options) {
  if (!options.importance_sampling_correction) {
    return device_tensor(std::vector<double>(input.sequences->size(), 1), input.logp.device());
  }
  return capped(sequence_sums(gap(input), *input.sequences), options);
}

}  // namespace una::objective
