#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// The products of a forward pass without history: x [T, in] weight [out, in]^T, one dtype (fp32|fp64|bf16,
// sums in fp32 or fp64), last dimensions contiguous. Up to kFewRows rows (a decoding step) take loops that
// read the weight once, at the memory's speed, and give a row the same bits whatever rows are beside it;
// more rows are ATen's. Parallel over outputs.
inline constexpr std::int64_t kFewRows = 64;

// y [T, out] = x weight^T + bias [out] (undefined: none), rounded once, as at::linear does.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// y [T, out], which may be columns of a wider tensor, += x weight^T, rounded once.
void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight);

}  // namespace una::kernels
