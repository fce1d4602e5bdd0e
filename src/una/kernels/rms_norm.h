#pragma once

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// y = weight * (x / sqrt(mean(x^2) + eps)), statistics in fp32, the normalised value rounded to x's dtype
// before the product as Hugging Face's LlamaRMSNorm does. x [T, C] fp32|bf16, contiguous; weight [C].
// Gradients: x, weight (if it trains). Saves x and one fp32 a row. Deterministic.
at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps);

}  // namespace una::kernels
