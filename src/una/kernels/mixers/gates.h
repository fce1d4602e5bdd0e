#pragma once

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// round(rms_norm(x)) weight silu(gate) for x and gate [N, D] fp32|bf16, weight [D] (transformers' Qwen3_5RMSNormGated): the
// normed value is rounded before the weight, silu is in fp32. Gradients: x, gate and weight (where it trains). Saves x and
// gate; the backward computes the rest again.
at::Tensor gated_rms_norm(const at::Tensor& x, const at::Tensor& gate, const Weight& weight, double eps);

// x sigmoid(gate), elementwise in their dtype. Gradients: both. Saves both.
at::Tensor sigmoid_gated(const at::Tensor& x, const at::Tensor& gate);

}  // namespace una::kernels
