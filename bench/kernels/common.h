#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include "una/core/packed_batch.h"

// The shapes of SmolLM2-135M, and inputs. Timings use random data: zeros are faster on some machines.
namespace una::bench {

inline constexpr std::int64_t kHidden = 576, kHeads = 9, kKvHeads = 3, kDim = 64, kInner = 1536,
                              kVocab = 49152;
inline constexpr std::int64_t kRank = 32, kTokens = 740;

inline at::Tensor random(at::IntArrayRef sizes, at::ScalarType type = at::kBFloat16, double scale = 1) {
  return (at::randn(sizes, at::kFloat).mul_(scale)).to(type);
}

inline std::vector<Segment> packed(std::int32_t length, std::int32_t count) {
  std::vector<Segment> out;
  for (std::int32_t i = 0; i < count; ++i) {
    out.push_back({i * length, (i + 1) * length, {{i * length, (i + 1) * length}}});
  }
  return out;
}

}  // namespace una::bench
