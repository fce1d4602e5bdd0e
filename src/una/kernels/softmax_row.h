#pragma once

#include <cstdint>

namespace una::kernels {

// A row's softmax before division: top is the largest logit, total the sum of exp(scale (logits[i] - top)). A
// sampler draws by these summands; summand / total is the probability.
struct SoftmaxRow {
  float top = 0;
  double total = 0;
};

// weights [count] receive the summands; null: not wanted. fp32 within 2 units in the last place, on the
// calling thread. For a row with a NaN or an infinite logit the total is not finite.
SoftmaxRow softmax_row(const float* logits, float* weights, std::int64_t count, float scale);

}  // namespace una::kernels
