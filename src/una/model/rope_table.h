#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"

namespace una::model {

// The frequency of each pair of a head's dimensions, [D/2], computed in fp32 as transformers does. InputError
// on a rope type that is not implemented.
std::vector<float> rope_frequencies(const RopeSpec& spec, std::int64_t head_dim);

// cos and sin of position x frequency, fp32, kept for every position seen so far.
class RopeTable {
 public:
  RopeTable(const RopeSpec& spec, std::int64_t head_dim);
  // For positions [T] int64: {cos, sin}, each [T, D/2] fp32.
  std::pair<at::Tensor, at::Tensor> rows(const at::Tensor& positions);

 private:
  void grow(std::int64_t positions);
  std::vector<float> frequencies_;
  at::Tensor cos_, sin_;  // [positions so far, D/2]
};

}  // namespace una::model
