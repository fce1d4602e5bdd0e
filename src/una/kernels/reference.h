#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/core/policy_output.h"
#include "una/kernels/adamw.h"
#include "una/kernels/attention.h"
#include "una/kernels/experts.h"
#include "una/kernels/geglu.h"
#include "una/kernels/linear_logps.h"
#include "una/kernels/lora_linear.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/rope.h"
#include "una/kernels/weight.h"

// The ops of this room in plain ATen, differentiable by autograd and slow: the oracle of the tests. Same
// arguments, shapes and meaning as the op of the same name. A weight that trains is used as master.to(value's
// dtype), so that its gradient reaches the master. Norm, softmax and log-softmax are computed in fp32 (fp64
// for fp64 input).
namespace una::kernels::reference {

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps,
                    NormKind kind = NormKind::kRounded);
at::Tensor qk_norm(const at::Tensor& qkv, const Weight& q, const Weight& k, const QkNormParams& params);
at::Tensor geglu(const at::Tensor& gate_up, Gelu form);
at::Tensor swiglu(const at::Tensor& gate_up);
at::Tensor clamped_swiglu(const at::Tensor& gate_up, double alpha, double limit);
at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads, RopePairs pairs = RopePairs::kHalves);
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks = {});
at::Tensor embedding(const at::Tensor& ids, const Weight& weight);
at::Tensor stacked_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts);
PolicyOutput linear_logps(const at::Tensor& hidden, const Weight& weight, const at::Tensor& targets,
                          const PolicyWants& wants, const HeadParams& params);
void adamw_step(at::Tensor& param, const at::Tensor& grad, at::Tensor& exp_avg, at::Tensor& exp_avg_sq,
                const AdamWParams& params);

at::Tensor mix_experts(const at::Tensor& x, const Choice& choice, const Experts& experts,
                       const Activation& activation);

at::Tensor convolution_input(const at::Tensor& bcx);
// The convolution over rows of `inputs` (convolution_input(bcx) of a packed batch); taps on bcx's device.
at::Tensor short_convolution(const at::Tensor& bcx, const at::Tensor& inputs, const at::Tensor& taps,
                             const Weight& weight, const Weight& bias);
at::Tensor causal_convolution(const at::Tensor& inputs, const at::Tensor& taps, const Weight& weight);
// Token by token, and each segment from the first token that it sees.
at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const std::vector<Segment>& segments);

at::Tensor dora_norm(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b, double scale);

// The LoRA dropout mask [rows, cols] as factors: 0 or 1 / (1 - dropout), in double.
at::Tensor dropout_mask(std::int64_t rows, std::int64_t cols, double dropout, std::uint64_t dropout_key);

}  // namespace una::kernels::reference
