#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// How a norm's weight w is applied to the normalised value n (fp32).
enum class NormKind : std::uint8_t {
  kRounded,  // round(n) * w: Hugging Face's LlamaRMSNorm
  kWide,     // round(n * w): Olmo2RMSNorm
  kPlusOne,  // round(n * (1 + w)): GemmaRMSNorm
};

// y = weight * (x / sqrt(mean(x^2) + eps)), statistics in fp32, rounded to x's dtype as `kind` defines. x [T,
// C] fp32|bf16, contiguous; weight [C]. Gradients: x, weight (if it trains). Saves x and one fp32 per row.
// Deterministic.
at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps,
                    NormKind kind = NormKind::kRounded);

}  // namespace una::kernels
