#pragma once

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// y = weight * (x - mean) / sqrt(variance + eps) + bias, per row of x [T, C] fp32|bf16 (fp64 in tests), statistics
// in fp32, rounded to x's dtype once. weight [C]; bias [C] or undefined. ATen's kernel, on any device. Gradients: x,
// and weight and bias where they train; their sums over rows may differ in the last bits between numbers of threads.
at::Tensor layer_norm(const at::Tensor& x, const Weight& weight, const Weight& bias, double eps);

}  // namespace una::kernels
