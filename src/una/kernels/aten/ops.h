#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/attention.h"
#include "una/kernels/autograd.h"
#include "una/kernels/mixers/gated_delta_rule.h"

// How the ops run on tensors that are not in CPU memory: by ATen's operations on the tensors' own device. For
// this room's sources only.
namespace una::kernels::aten {

inline bool takes(const at::Tensor& tensor) { return !tensor.is_cpu(); }

// f(inputs) as a single autograd node that stores only the inputs and recomputes f in the backward. An op
// written as many small ones then costs a second forward instead of memory for their intermediate results.
// All `inputs` are defined; f is called with as many tensors, and only those get gradients.
using Op = std::function<at::Tensor(const detail::variable_list& inputs)>;
at::Tensor recomputed(const Op& f, const detail::variable_list& inputs);
// The same for ops of an activation and weights that may train: f gets x and the weights.
using WeightOp = std::function<at::Tensor(const at::Tensor& x, const std::vector<Weight>& weights)>;
at::Tensor recomputed(const WeightOp& f, const at::Tensor& x, const std::vector<Weight>& weights);

// kernels::attention: PyTorch's flash attention of packed sequences where it applies (bf16, no soft-cap, no sinks, head
// sizes that are multiples of 8 up to 256); without grad mode all segments of one query in one product; else
// segment by segment.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks);

// kernels::gated_delta_rule, differentiable by autograd. With `states` defined runs read and leave those.
at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const DeltaPlan& plan, const at::Tensor& states);

// The results of one chunk of the head; undefined: not wanted.
struct HeadRows {
  at::Tensor logp, lse, entropy, mean_logit, greedy;  // [n]
};
// How the head's logits are scaled.
struct HeadScales {
  double temperature = 1, soft_cap = 0;
};
// Fills `out` for logits [n, V] in the compute dtype and targets [n].
void head_rows(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
               const HeadRows& out);
// Overwrites the logits with grad * d logp / d logits. lse as from head_rows; grad [n], or undefined for 1.
void head_gradient(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
                   const at::Tensor& lse, const at::Tensor& grad);

// The factors of reference::dropout_mask, computed on x's device in its dtype: [rows, cols] of x.
at::Tensor dropout_mask(const at::Tensor& x, double dropout, std::uint64_t dropout_key);

}  // namespace una::kernels::aten
