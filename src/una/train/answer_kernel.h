#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/sequence.h"
#include "una/train/step_runner.h"

namespace una::train {

// Inner products [n, n] fp64 of the gradients of log pi(answer | prompt) in the trainable parameters, at their current
// values: to first order, how far learning one answer moves another. One forward and backward pass an answer. Where
// there are more than `kSketch` parameters each gradient is first summed with random signs into so many buckets, which
// keeps inner products up to noise of about |a| |b| / sqrt(kSketch); the signs follow from `seed`. Leaves the
// runner's gradients at zero.
at::Tensor answer_kernel(StepRunner& runner, const std::vector<Sequence>& answers, std::uint64_t seed);

inline constexpr std::int64_t kSketch = 8192;

}  // namespace una::train
