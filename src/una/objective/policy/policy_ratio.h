#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// Arithmetic that the losses on the policy's own samples share. "Old" is the sampling policy: column
// "old_logp" [N] of the batch, or without that column the policy of this forward pass (detached), so that
// every ratio is 1 and only its gradient matters.
at::Tensor old_logps(const ObjectiveInput& input);  // [N] fp64, no gradient

// exp of a log-ratio clamped to +-20.
at::Tensor ratio_of(const at::Tensor& log_ratio);

// PPO's surrogate as a loss: max(-rho A, -clip(rho, 1 - low, 1 + high) A), elementwise. A has no gradient.
at::Tensor clipped_surrogate(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high);

double upper_clip(const ObjectiveOptions& options);  // epsilon_high, or epsilon where that is 0

// 1 for entries where the clip changed the loss and its gradient (rho outside, on the side that A pushes to),
// else 0.
at::Tensor clipped_entries(const at::Tensor& ratio, const at::Tensor& advantage, double low, double high);

// A named column of the batch as fp64; InternalError when it is missing or has another size.
at::Tensor column(const ObjectiveInput& input, const char* name, std::int64_t size);

// The mean of `values` [S] over each group, repeated for its answers: [S].
at::Tensor group_mean(const at::Tensor& values, const std::vector<SequenceMeta>& sequences);

// raw_score, answer_weight, 1 / (k - 1), ... of every sequence: [S] fp64 on the device of `like`.
at::Tensor rewards_of(const ObjectiveInput& input, const at::Tensor& like);
at::Tensor answer_weights(const ObjectiveInput& input, const at::Tensor& like);
at::Tensor group_sizes(const ObjectiveInput& input, const at::Tensor& like);

// Each sequence's value at each of its log-probs: [S] -> [N].
at::Tensor each_token(const at::Tensor& values, const ObjectiveInput& input);

// Adds kl (the mean Delta of an answer over the policy's own samples, nats), kl_per_token, and the clipped
// share (clip_ratio).
void add_policy_metrics(const ObjectiveInput& input, const at::Tensor& delta, const at::Tensor& clipped,
                        MetricSums& metrics);

}  // namespace una::objective
