#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una::kernels {

// The products of a forward pass without history: x [T, in] weight [out, in]^T, one dtype (fp32|fp64|bf16,
// sums in fp32 or fp64), last dimensions contiguous. Up to few_rows_limit rows take loops of ours that read
// the weight at the memory's speed and give a row the same bits whatever rows are beside it; more rows are
// ATen's. Parallel over outputs.

// Whether this CPU has instructions for products of bf16 (AVX-512 BF16, AMX). Without them training in bf16
// is slower than in fp32: ATen's backward products are then many times slower.
bool multiplies_bf16();

// Up to so many rows our loops were the faster ones on this kind of machine (`./dev bench kernels`).
std::int64_t few_rows_limit(at::ScalarType dtype, std::int64_t in);

// y [T, out] = x weight^T + bias [out] (undefined: none), rounded once, as at::linear does.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// y [T, out], which may be columns of a wider tensor, += x weight^T, rounded once.
void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight);

}  // namespace una::kernels
