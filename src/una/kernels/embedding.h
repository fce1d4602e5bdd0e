#pragma once

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

namespace una::kernels {

// Rows of weight [V, C] by ids [T] int64 -> [T, C]. Gradient: weight's master, dense fp32, if it trains.
at::Tensor embedding(const at::Tensor& ids, const Weight& weight);

}  // namespace una::kernels
