#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// to[slots[i]] = from[i] for every i, in place: keys and values on their way into the cache, in as few
// instructions as one token deserves. to [S, H, D], from [T, H, D] of one dtype, each with rows of D side by
// side; slots [T] int64 on the CPU, within [0, S). No gradient.
void copy_rows(const at::Tensor& from, const at::Tensor& slots, const at::Tensor& to);

}  // namespace una::kernels
