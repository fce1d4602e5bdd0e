#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/kernels/sums.h"
#include "una/kernels/weight.h"

namespace una::kernels {

// The arithmetic of one layer's attention.
struct AttentionParams {
  double scale = 0;         // multiplies q.k; usually 1/sqrt(D)
  std::int64_t window = 0;  // a query at position p sees keys p - window + 1 .. p; 0: all earlier ones
  double soft_cap = 0;      // scores become cap * tanh(score / cap); 0: none
  Sums sums =
      Sums::kFast;  // kFixed: over keys in blocks that begin at multiples of 64 positions, in every call
};

// Exact attention over segments (core/packed_batch.h). q [T, H, D], k and v [U, K, D] (U = T, or slots of a
// cache; H a multiple of K), last dimension contiguous, fp32|bf16 (softmax and accumulation in fp32). Returns
// [T, H, D]. The key at index j of a segment's concatenated ranges has position j; its query i has position
// (total keys) - (query count) + i. Gradients: q, k, v (keys shared by segments get the sum). Nothing of size
// [queries, keys] is stored. Parallel over segments and heads. Deterministic for a fixed thread count.
// `sinks` [H] (undefined: none) are logits that join each row's softmax, unscaled and uncapped, with a value of zero;
// gradient: their master.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks = {});

// The same with q, k, v as slices of one tensor, qkv [T, heads + 2 kv_heads, D] (q heads, k heads, v heads),
// so that its gradient is written once instead of assembled from slices.
at::Tensor attention_packed(const at::Tensor& qkv, std::int64_t kv_heads,
                            const std::vector<Segment>& segments, const AttentionParams& params);

}  // namespace una::kernels
