#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"

namespace una::model {

// The rotation frequencies of one sequence.
struct RopeFrequencies {
  std::vector<float> values;    // [R/2], one per pair of the R rotated dimensions
  double attention_factor = 1;  // multiplies cos and sin
};

// An id of the set of frequencies that a sequence of `length` tokens uses: 0 is that of short sequences. Only
// the types dynamic (beyond max_positions, one set per length) and longrope (one set beyond
// original_max_positions) have more than one.
std::int64_t rope_variant(const RopeSpec& spec, std::int64_t max_positions, std::int64_t length);

// The frequencies of a variant, computed in fp32 by the operations of transformers' modeling_rope_utils.
// InputError for a rope type that is not implemented or lacks a value.
RopeFrequencies rope_frequencies(const RopeSpec& spec, std::int64_t head_dim, std::int64_t max_positions,
                                 std::int64_t variant = 0);

// cos and sin of position x frequency, fp32. Caches variant 0 for all positions seen so far; not thread-safe.
class RopeTable {
 public:
  RopeTable(RopeSpec spec, std::int64_t head_dim, std::int64_t max_positions);
  const RopeSpec& spec() const { return spec_; }
  // For positions [T] int64: {cos, sin}, each [T, R/2] fp32, of variant 0.
  std::pair<at::Tensor, at::Tensor> rows(const at::Tensor& positions);
  // The same where token i belongs to a sequence of lengths[i] tokens.
  std::pair<at::Tensor, at::Tensor> rows(const at::Tensor& positions,
                                         const std::vector<std::int64_t>& lengths);

 private:
  void grow(std::int64_t positions);
  RopeSpec spec_;
  std::int64_t head_dim_, max_positions_;
  RopeFrequencies frequencies_;
  at::Tensor cos_, sin_;  // [positions so far, R/2]
};

}  // namespace una::model
