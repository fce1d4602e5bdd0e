#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/packed/expand.h"
#include "una/kernels/sums.h"
#include "una/kernels/weight.h"

namespace una::kernels {

// The adapter on one linear: y += scale * (drop(x) A^T) B^T. With DoRA (arXiv:2402.09353) `gain` [out] is
// defined, and y += gain z - drop(x) W^T, where z = drop(x) (W + scale B A)^T and W is the part's weight;
// without dropout y is gain z + bias. A part has at most one DoRA term, and then no other.
struct LoraTerm {
  Weight a;  // [r, in]
  Weight b;  // [out, r]
  double scale = 1;
  double dropout = 0;  // of x, before A; 0: none
  // The mask is a pure function of (key, row, column): recomputed, never stored.
  std::uint64_t dropout_key = 0;
  at::Tensor gain;              // magnitude / norm, fp32 (fp64); undefined: plain LoRA
  at::Tensor magnitude_master;  // [out], where it trains; its gradient is (sum over rows of dy z) / norm
  at::Tensor norm;              // [out], with it; a constant for the gradient, as in PEFT
};

// One of the linears that share an input (q, k, v; gate, up), rows [begin, begin + out) of the stacked
// weight.
struct LinearPart {
  std::int64_t out = 0;
  at::Tensor weight_master;  // [out, in] fp32 when this linear trains in full, else undefined
  at::Tensor bias_master;    // [out]
  std::vector<LoraTerm> adapters;
};

// How to recompute x: x = make(from), bit for bit, where `from` is a tensor that is stored anyway (the input
// of x's norm or gate). The backward recomputes x instead of storing it.
struct InputOrigin {
  at::Tensor from;  // undefined: x is stored
  std::function<at::Tensor(const at::Tensor&)> make;
};

// y [T, sum out] = x [T, in] weight^T + bias, plus each part's adapters. weight [sum out, in], bias [sum out]
// or undefined; both in x's dtype (fp32|bf16); a packed weight is expanded in the forward and again in the
// backward, and none of its parts may train. One product for the stacked weight. Gradients: x, the masters
// of parts that train, and each adapter's a.master, b.master in fp32; a frozen weight's gradient is never
// computed. dX = dY W + sum s (dY B) A; dB = s dY^T (x A^T); dA = s (dY B)^T x. Saves the
// thin products, x or its origin where a gradient needs it, and z [T, out] where a DoRA magnitude trains.
// Without DoRA there is no further pass over y. `sums` is of the forward.
at::Tensor stacked_linear(const at::Tensor& x, const LinearWeight& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts, const InputOrigin& origin = {},
                          Sums sums = Sums::kFast);

// DoRA's norm: the L2 norm of each row of weight + scale B A, [out] in fp32 (fp64). weight [out, in], a [r,
// in], b [out, r], any dtypes; no gradient. Only a few hundred rows of the sum are in memory at a time.
at::Tensor dora_norm(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b, double scale);

}  // namespace una::kernels
