#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una::kernels {

// Rotary embedding of the first `rotated_heads` heads of qkv [T, heads, D] (q heads, then k heads; v heads
// untouched), Hugging Face's half-split layout: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin). cos, sin [T,
// R/2] fp32: the first R <= D dimensions of a head turn, the others stay (partial rotary embedding).
// Arithmetic in fp32 for fp32 input; for bf16 the products round as Hugging Face's bf16 path does only within
// bf16 tolerance. Returns a new [T, heads, D]; gradient: qkv (the inverse rotation; nothing of qkv is saved).
at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads);

}  // namespace una::kernels
