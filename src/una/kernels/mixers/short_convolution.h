#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/kernels/weight.h"

// The gated short convolution of LFM2 over packed tokens. T tokens, C channels, K the kernel's width. `bcx` [T, 3 C] holds
// the parts b, c and x of each token side by side; u = b x is what the convolution reads, rounded to the compute dtype:
//   y_t = c_t (bias + sum over j of weight_j u_{t - (K - 1) + j})
// where the tokens before t are those of its own segment and nothing comes before the first. No state is carried: the
// table of taps says which row (or cache slot) every earlier token has, so a segment's border needs no reset, a shared
// prompt's last tokens are read by each answer, and their gradients add up.
namespace una::kernels {

// The rows that each token reads: [T, K] int64 on the CPU, the token itself last, -1 where its sequence has not begun.
// Rows are indices into the segments' key ranges: packed rows, or slots of a cache.
at::Tensor convolution_taps(const std::vector<Segment>& segments, std::int64_t tokens, std::int64_t kernel);

// y [T, C] of a packed batch. bcx fp32|bf16, taps as above over rows 0 .. T - 1, weight [C, 1, K], bias [C] or undefined.
// The sum is in fp32, and rounded before it is multiplied with c. Gradients: bcx, weight and bias (where they train).
// Saves bcx. Deterministic for any thread count: each channel adds up in the order of the tokens.
at::Tensor short_convolution(const at::Tensor& bcx, const at::Tensor& taps, const Weight& weight,
                             const Weight& bias);

// u [T, C]: what a cache keeps of each token.
at::Tensor convolution_input(const at::Tensor& bcx);
// y [T, C] where the taps are rows of `inputs` [S, C] (the tokens' own included). No gradient. Equal bits with
// short_convolution.
at::Tensor cached_short_convolution(const at::Tensor& bcx, const at::Tensor& inputs, const at::Tensor& taps,
                                    const at::Tensor& weight, const at::Tensor& bias);

}  // namespace una::kernels
