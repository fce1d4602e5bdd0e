#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/kernels/sums.h"

namespace una::kernels {

// The products of a forward pass without history: x [T, in] weight [out, in]^T, one dtype (fp32|fp64|bf16,
// sums in fp32 or fp64), last dimensions contiguous. Up to own_product_limit rows use una's loops:
// the skinny GEMM, which reads the weight at memory speed, or in bf16 on a machine with AMX its tiles (cpu/tile_gemm.h)
// from three rows on. More rows go to ATen, unless sums are kFixed: then una's loops take any number. Parallel over
// outputs, or over rows where there are more of them.

// Whether this CPU has instructions for bf16 products (AVX-512 BF16, AMX). Without them training in bf16 is
// slower than in fp32, because ATen's backward products are many times slower.
bool multiplies_bf16();

// The number of rows up to which una's loops measured faster than ATen on this kind of machine (`./dev bench kernels`).
std::int64_t own_product_limit(at::ScalarType dtype, std::int64_t in);

// Whether Sums::kFixed costs no time worth naming on this machine (docs/online.md): fp32 with AVX-512.
bool fixed_sums_are_free(at::ScalarType dtype);

// y [T, out] = x weight^T + bias [out] (undefined: none), rounded once, as at::linear does.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {},
                   Sums sums = Sums::kFast);

// The same into y, whose rows are contiguous.
void product_into(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias = {}, Sums sums = Sums::kFast);

// y [T, out], which may be columns of a wider tensor, += x weight^T, rounded once.
void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight, Sums sums = Sums::kFast);

}  // namespace una::kernels
