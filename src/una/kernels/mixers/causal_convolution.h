#pragma once

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

// The causal convolution in front of a gated delta rule, over packed tokens. T tokens, C channels, K the kernel's width:
//   y_t = silu(sum over j of weight_j x_{t - (K - 1) + j})
// where the tokens before t are those of its own segment: `taps` [T, K] is convolution_taps (short_convolution.h).
namespace una::kernels {

// y [T, C]. x [T, C] fp32|bf16, weight [C, 1, K]. The sum is in fp32, and rounded before silu. Gradients: x and weight
// (where it trains). Saves x. Deterministic for any thread count: each channel adds up in the order of the tokens.
at::Tensor causal_convolution(const at::Tensor& x, const at::Tensor& taps, const Weight& weight);

// The same where the taps are rows of `inputs` [S, C], the tokens' own included. No gradient. Equal bits.
at::Tensor cached_causal_convolution(const at::Tensor& inputs, const at::Tensor& taps,
                                     const at::Tensor& weight);

}  // namespace una::kernels
