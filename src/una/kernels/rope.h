#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una::kernels {

// Which dimensions of a head turn together: Hugging Face's half-split layout (i, i + R/2), or neighbours (2 i,
// 2 i + 1) as in GLM, Cohere and ERNIE.
enum class RopePairs : std::uint8_t { kHalves, kNeighbours };

// Rotary embedding of the first `rotated_heads` heads of qkv [T, heads, D] (q heads, then k heads; v heads
// untouched): a pair (x1, x2) becomes (x1 cos - x2 sin, x2 cos + x1 sin). cos, sin [T, R/2] fp32: the first
// R <= D dimensions of a head are rotated, the others stay (partial rotary embedding).
// Arithmetic in fp32; for bf16 input the result agrees with Hugging Face's bf16 path within bf16 tolerance,
// not bit for bit. Returns a new [T, heads, D]; gradient: qkv (the inverse rotation, for which nothing is
// saved).
at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads, RopePairs pairs = RopePairs::kHalves);

}  // namespace una::kernels
