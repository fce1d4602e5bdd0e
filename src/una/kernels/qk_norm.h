#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/kernels/rms_norm.h"
#include "una/kernels/weight.h"

namespace una::kernels {

// Which heads are keys, and how they are normed.
struct QkNormParams {
  std::int64_t kv_heads = 0;
  bool whole = false;  // one norm over all q (all k) heads of a token (OLMo 2); else over each head (Qwen 3)
  double eps = 1e-6;
  NormKind kind = NormKind::kRounded;
};

// rms_norm of the q heads by `q` and of the k heads by `k` in qkv [T, H + 2 K, D] (q, k, v heads; v stays).
// Weights [D], or [H D] and [K D] where `whole`. fp32|bf16. Returns a new [T, H + 2 K, D]. Gradients: qkv,
// both weights (where they train). Saves qkv and one fp32 per normed row. Deterministic.
at::Tensor qk_norm(const at::Tensor& qkv, const Weight& q, const Weight& k, const QkNormParams& params);

}  // namespace una::kernels
