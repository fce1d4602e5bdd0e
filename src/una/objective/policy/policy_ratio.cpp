#include "una/objective/policy/policy_ratio.h"

#include <cmath>

#include <ATen/ops/clamp.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/methods.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

constexpr double kLargestLogRatio = 20;

template <class F>
at::Tensor each_sequence(const ObjectiveInput& input, const at::Tensor& like, F value) {
  std::vector<double> values;
  values.reserve(input.sequences->size());
  for (const SequenceMeta& sequence : *input.sequences) { values.push_back(value(sequence)); }
  return device_tensor(values, like.device());
}

}  // namespace

at::Tensor column(const ObjectiveInput& input, const char* name, std::int64_t size) {
  if (input.columns == nullptr || input.columns->count(name) == 0) {
    throw InternalError(cat("objective: the batch lacks the column \"", name, "\""));
  }
  const at::Tensor& values = input.columns->at(name);
  check(values.dim() == 1 && values.size(0) == size, "objective: a column of the batch has a wrong size");
  return values.detach().to(at::kDouble);
}

at::Tensor old_logps(const ObjectiveInput& input) {
  check(input.logp.defined(), "objective: input without log-probs");
  if (input.columns == nullptr || input.columns->count("old_logp") == 0) {
    return input.logp.detach().to(at::kDouble);
  }
  return column(input, "old_logp", input.logp.size(0));
}

at::Tensor ratio_of(const at::Tensor& log_ratio) {
  return at::exp(at::clamp(log_ratio, -kLargestLogRatio, kLargestLogRatio));
}

at::Tensor clipped_surrogate(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high) {
  return at::maximum(-ratio * advantage, -at::clamp(ratio, 1 - low, 1 + high) * advantage);
}

at::Tensor clipped_entries(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high) {
  const at::Tensor under = (ratio < 1 - low) * (advantage < 0);
  const at::Tensor over = (ratio > 1 + high) * (advantage > 0);
  return at::logical_or(under, over).to(at::kDouble);
}

double upper_clip(const ObjectiveOptions& options) {
  return options.epsilon_high > 0 ? options.epsilon_high : options.epsilon;
}

void check_clip(const ObjectiveOptions& options) {
  check_input(options.epsilon > 0 && options.epsilon < 1, "epsilon (the ratio clip) must be in 0..1, not ",
              options.epsilon);
  check_input(std::isfinite(options.epsilon_high) && options.epsilon_high >= 0,
              "epsilon_high must be 0 (as epsilon) or more, not ", options.epsilon_high);
  check_input(std::isfinite(options.kl_early_stop) && options.kl_early_stop >= 0,
              "kl_early_stop must be 0 (never) or more, not ", options.kl_early_stop);
  check_input(options.ratio_threshold == 0 || options.ratio_threshold > 1,
              "ratio_threshold must be 0 (never) or above 1, where every ratio starts, not ",
              options.ratio_threshold);
  check_input(options.importance_sampling_cap >= 1, "importance_sampling_cap must be 1 or more, not ",
              options.importance_sampling_cap);
}

at::Tensor group_mean(const at::Tensor& values, const std::vector<SequenceMeta>& sequences) {
  std::vector<std::int64_t> owner;
  std::vector<double> sizes;
  for (const RowSpan& row : row_spans(sequences)) {
    owner.insert(owner.end(), static_cast<std::size_t>(row.size), static_cast<std::int64_t>(sizes.size()));
    sizes.push_back(static_cast<double>(row.size));
  }
  const at::Tensor of = device_tensor(owner, values.device());
  const at::Tensor sums =
      at::zeros({static_cast<std::int64_t>(sizes.size())}, values.options().requires_grad(false));
  return (sums.index_add(0, of, values) / device_tensor(sizes, values.device())).index_select(0, of);
}

at::Tensor rewards_of(const ObjectiveInput& input, const at::Tensor& like) {
  return each_sequence(input, like, [](const SequenceMeta& s) { return s.raw_score; });
}

at::Tensor answer_weights(const ObjectiveInput& input, const at::Tensor& like) {
  return each_sequence(input, like, [](const SequenceMeta& s) { return s.weight * s.answer_weight; });
}

at::Tensor group_sizes(const ObjectiveInput& input, const at::Tensor& like) {
  std::vector<double> sizes;
  for (const RowSpan& row : row_spans(*input.sequences)) {
    sizes.insert(sizes.end(), static_cast<std::size_t>(row.size), static_cast<double>(row.size));
  }
  return device_tensor(sizes, like.device());
}

at::Tensor each_token(const at::Tensor& values, const ObjectiveInput& input) {
  const std::vector<std::int64_t> owner = token_owners(*input.sequences, input.logp.size(0));
  return values.index_select(0, device_tensor(owner, values.device()));
}

void add_policy_metrics(const ObjectiveInput& input, const at::Tensor& delta, const at::Tensor& clipped,
                        MetricSums& metrics) {
  const auto answers = static_cast<double>(input.sequences->size());
  double tokens = 0;
  for (const SequenceMeta& sequence : *input.sequences) {
    tokens += static_cast<double>(sequence.loss_tokens());
  }
  if (delta.defined()) {
    const double sum = host_values(delta.sum().reshape({1})).front();
    metrics.add("kl", sum, answers);
    metrics.add("kl_per_token", sum, tokens);
  }
  metrics.add("clip_ratio", host_values(clipped.sum().reshape({1})).front(),
              static_cast<double>(clipped.numel()));
}

}  // namespace una::objective
