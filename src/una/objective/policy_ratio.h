#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// What the losses on the policy's own samples share. "Old" is the policy that sampled: column "old_logp" [N]
// of the batch, or the policy of this forward pass (detached) where there is no such column, so that every
// ratio is 1 and only its gradient counts.
at::Tensor old_logps(const ObjectiveInput& input);  // [N] fp64, no gradient

// exp of a log-ratio cut at +-20.
at::Tensor ratio_of(const at::Tensor& log_ratio);

// PPO's surrogate as a loss: max(-rho A, -clip(rho, 1 - low, 1 + high) A), elementwise. A without gradient.
at::Tensor clipped_surrogate(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high);

double upper_clip(const ObjectiveOptions& options);  // epsilon_high, or epsilon where that is 0

// Share of entries where the clip changed the loss and its gradient: rho outside on the side that A pushes
// to.
at::Tensor clipped_entries(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high);

// A named column of the batch as fp64; InternalError when it is missing or has another size.
at::Tensor column(const ObjectiveInput& input, const char* name, std::int64_t size);

// Mean over each group of `values` [S], repeated for its answers: [S].
at::Tensor group_mean(const at::Tensor& values, const std::vector<SequenceMeta>& sequences);

// raw_score, answer_weight, 1 / (k - 1), ... of every sequence: [S] fp64 on the device of `like`.
at::Tensor rewards_of(const ObjectiveInput& input, const at::Tensor& like);
at::Tensor answer_weights(const ObjectiveInput& input, const at::Tensor& like);
at::Tensor group_sizes(const ObjectiveInput& input, const at::Tensor& like);

// Each sequence's value at each of its log-probs: [S] -> [N].
at::Tensor each_token(const at::Tensor& values, const ObjectiveInput& input);

// kl (mean Delta of an answer over the policy's own samples, nats), log_ratio_per_token, and the clip's
// share.
void add_policy_metrics(const ObjectiveInput& input, const at::Tensor& delta, const at::Tensor& clipped,
                        MetricSums& metrics);

}  // namespace una::objective
