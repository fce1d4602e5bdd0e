#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/kernels/attention.h"

// The CPU attention: segments cut into tasks for the loops of cpu/table.h. No autograd. All tensors
// [rows, heads, D] of one dtype, last dimension contiguous.
namespace una::kernels::cpu {

// Writes out; lse [T, H] in the computing dtype unless undefined. Rows of no segment are left alone.
void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, const AttentionParams& params,
                       const at::Tensor& out, const at::Tensor& lse);

struct AttentionGrads {
  at::Tensor q, k, v;  // like the inputs; k and v wholly written, q where a segment has rows
};
void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<Segment>& segments, const AttentionParams& params,
                        const at::Tensor& out, const at::Tensor& lse, const at::Tensor& grad_out,
                        const AttentionGrads& grads);

}  // namespace una::kernels::cpu
