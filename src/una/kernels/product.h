#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/kernels/sums.h"

namespace una::kernels {

// The products of a forward pass without history: x [T, in] weight [out, in]^T, one dtype (fp32|fp64|bf16,
// sums in fp32 or fp64), last dimensions contiguous. Up to skinny_gemm_limit rows use una's skinny GEMM,
// which reads the weight at memory speed and whose result for a row does not depend on the other rows; more
// rows go to ATen, unless sums are kFixed: then the skinny GEMM takes any number, or in bf16 on a machine with AMX
// its tiles do (cpu/tile_gemm.h). Parallel over outputs, or over rows where there are more of them.

// Whether this CPU has instructions for bf16 products (AVX-512 BF16, AMX). Without them training in bf16 is
// slower than in fp32, because ATen's backward products are many times slower.
bool multiplies_bf16();

// The number of rows up to which the skinny GEMM measured faster than ATen on this kind of machine (`./dev
// bench kernels`).
std::int64_t skinny_gemm_limit(at::ScalarType dtype, std::int64_t in);

// y [T, out] = x weight^T + bias [out] (undefined: none), rounded once, as at::linear does.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {},
                   Sums sums = Sums::kFast);

// The same into y, whose rows are contiguous.
void product_into(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias = {}, Sums sums = Sums::kFast);

// y [T, out], which may be columns of a wider tensor, += x weight^T, rounded once.
void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight, Sums sums = Sums::kFast);

}  // namespace una::kernels
