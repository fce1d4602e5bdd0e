#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/kernels/attention.h"

// The CPU attention: segments cut into tasks for the loops of cpu/table.h. No autograd. All tensors
// [rows, heads, D] of one dtype, last dimension contiguous.
namespace una::kernels::cpu {

// Writes out, and lse [T, H] in the computing dtype unless undefined; with sinks [H] (contiguous, computing dtype;
// undefined: none) lse includes them, so the backward needs none. Rows outside all segments are not touched.
void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, const AttentionParams& params,
                       const at::Tensor& sinks, const at::Tensor& out, const at::Tensor& lse);

// Where the gradients go, shaped like the inputs; k and v are written completely, q only in rows of a
// segment.
struct AttentionGrads {
  at::Tensor q, k, v;
};
void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<Segment>& segments, const AttentionParams& params,
                        const at::Tensor& out, const at::Tensor& lse, const at::Tensor& grad_out,
                        const AttentionGrads& grads);

}  // namespace una::kernels::cpu
