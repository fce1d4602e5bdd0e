#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/core/policy_output.h"
#include "una/kernels/sums.h"
#include "una/kernels/weight.h"

namespace una::kernels {

// How the head turns hidden states into log-probs.
struct HeadParams {
  double temperature = 1;
  double soft_cap = 0;            // final logit soft-cap, 0: none
  std::int64_t chunk_rows = 256;  // rows whose logits are in memory at a time
  Sums sums = Sums::kFast;        // of the logits
};

// The one log-prob primitive: logits = hidden weight^T, log-softmax in fp32, the target's log-prob gathered,
// chunk by chunk, so that the whole [N, V] never exists. hidden [N, C] fp32|bf16, weight [V, C], targets [N]
// int64. Frozen head: the forward stores u = d logp / d hidden, [N, C], which the backward scales (no second
// product); without grad mode u is not computed. A head that trains recomputes its chunks in the backward.
// Gradients: hidden, weight. Fills logp, and with `wants.statistics` entropy, mean_logit and greedy.
PolicyOutput linear_logps(const at::Tensor& hidden, const Weight& weight, const at::Tensor& targets,
                          const PolicyWants& wants, const HeadParams& params);

// The log-probs [N], without gradients, of targets [N] under logits [N, V] that are there already (contiguous, in the
// compute dtype, before any scaling; CPU): those that linear_logps gives for the same logits, bit for bit.
at::Tensor logps_of(const at::Tensor& logits, const at::Tensor& targets, const HeadParams& params);

}  // namespace una::kernels
