#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/attention.h"
#include "una/kernels/autograd.h"

// What the ops do on tensors that are not in the CPU's memory: ATen's operations on the tensors' own device.
// For this room's sources only.
namespace una::kernels::aten {

inline bool takes(const at::Tensor& tensor) { return !tensor.is_cpu(); }

// f(inputs) as one step of the history that keeps the inputs alone; the backward computes f again. So an op
// written as many small ones costs a second forward in the place of their memory. `inputs` are all defined;
// f is called with as many tensors, and only those have a gradient.
using Op = std::function<at::Tensor(const detail::variable_list& inputs)>;
at::Tensor recomputed(const Op& f, const detail::variable_list& inputs);
// The same for ops of an activation and weights that may train: f is given x and the weights.
using WeightOp = std::function<at::Tensor(const at::Tensor& x, const std::vector<Weight>& weights)>;
at::Tensor recomputed(const WeightOp& f, const at::Tensor& x, const std::vector<Weight>& weights);

// kernels::attention: PyTorch's flash attention of packed sequences where that takes it (bf16, no soft-cap,
// head sizes that are multiples of 8 up to 256), all segments of one query at one time without grad mode,
// else segment by segment.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params);

// One chunk of the head. logits [n, V] in the compute dtype, targets [n]. Fills the rows of what is defined.
struct HeadRows {
  at::Tensor logp, lse, entropy, mean_logit, greedy;  // [n]
};
struct HeadScales {
  double temperature = 1, soft_cap = 0;
};
void head_rows(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
               const HeadRows& out);
// The logits become grad * d logp / d logits. lse as head_rows gave it; grad [n], or undefined for 1.
void head_gradient(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
                   const at::Tensor& lse, const at::Tensor& grad);

// The factors of reference::dropout_mask, made on x's device in its dtype: [rows, cols] of x.
at::Tensor dropout_mask(const at::Tensor& x, double dropout, std::uint64_t dropout_key);

}  // namespace una::kernels::aten
