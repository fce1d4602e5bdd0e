#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// The adapter on one linear: y += scale * (drop(x) A^T) B^T.
struct LoraTerm {
  Weight a;  // [r, in]
  Weight b;  // [out, r]
  double scale = 1;
  double dropout = 0;  // on x, before A; 0: none
  std::uint64_t dropout_key =
      0;  // the mask is a pure function of (key, row, column): recomputed, never stored
};

// One of the linears that share an input (q, k, v; gate, up), rows [begin, begin + out) of the stacked
// weight.
struct LinearPart {
  std::int64_t out = 0;
  at::Tensor weight_master;  // [out, in] fp32 when this linear trains in full, else undefined
  at::Tensor bias_master;    // [out]
  std::vector<LoraTerm> adapters;
};

// y [T, sum out] = x [T, in] weight^T + bias, plus each part's adapters. weight [sum out, in], bias [sum out]
// or undefined; both in x's dtype (fp32|bf16). One product for the stacked weight. Gradients: x, the masters
// of parts that train, and each adapter's a.master, b.master in fp32; none for frozen weights (their product
// is never computed). dX = dY W + sum s (dY B) A; dB = s dY^T (x A^T); dA = s (dY B)^T x. Saves x and the
// thin products.
at::Tensor stacked_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts);

}  // namespace una::kernels
