#pragma once

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// The sampler and the trainer compute the same policy by different code (a cache, another engine, bf16), so
// their log-probs of a sampled token differ. Column "sampler_logp" [N] holds the sampler's; the trainer's are
// old_logps(). Batches without the column have no such difference.

// Adds sampling/sampling_logp_difference/{mean,max} of |trainer - sampler| per token and
// sampling/importance_sampling_ratio/mean of the weight before the cap (TRL's names).
void add_sampler_gap(const ObjectiveInput& input, MetricSums& metrics);

// Truncated importance sampling: min(pi_old / pi_sampler, importance_sampling_cap), detached, per token [N]
// or per answer [S]. All 1 without importance_sampling_correction. InternalError when the correction is
// wanted and the column is missing.
at::Tensor token_corrections(const ObjectiveInput& input, const ObjectiveOptions& options);
at::Tensor answer_corrections(const ObjectiveInput& input, const ObjectiveOptions& options);

}  // namespace una::objective
