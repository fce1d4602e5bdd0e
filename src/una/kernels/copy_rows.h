#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// to[slots[i]] = from[i] for every i, in place: writes keys and values into the cache, without index_copy's
// overhead, which one decoded token would notice. to [S, H, D], from [T, H, D] of one dtype, each with
// contiguous rows of D; slots [T] int64 on the CPU, within [0, S). No gradient.
void copy_rows(const at::Tensor& from, const at::Tensor& slots, const at::Tensor& to);

}  // namespace una::kernels
