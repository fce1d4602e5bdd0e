#pragma once

#include <cstdint>

namespace una::kernels {

// exp(scale (logits[i] - top)) summed over a row, top its largest; a sampler's weights, whose share is the
// probability.
struct SoftmaxRow {
  float top = 0;
  double total = 0;
};

// weights [count] get the summands; null: not wanted. fp32 within 2 units in the last place, on this thread.
// A row with a NaN or an infinite logit has a total that is not finite.
SoftmaxRow softmax_row(const float* logits, float* weights, std::int64_t count, float scale);

}  // namespace una::kernels
