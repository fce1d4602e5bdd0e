#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una::kernels {

// One step's settings, under torch.optim.AdamW's names.
struct AdamWParams {
  double learning_rate = 1e-6, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  std::int64_t step = 1;      // counts from 1
  double gradient_scale = 1;  // multiplies the gradient first, so that clipping needs no pass of its own
};

// torch.optim.AdamW's update on flat contiguous fp32 tensors of one size, in place: decoupled weight decay,
// bias correction, epsilon outside the root. One pass, parallel, deterministic.
void adamw_step(at::Tensor& param, const at::Tensor& grad, at::Tensor& exp_avg, at::Tensor& exp_avg_sq,
                const AdamWParams& params);

// Sum of squares in double. The order is fixed, so any thread count gives the same bits; NaN and infinity
// carry through.
double sum_of_squares(const at::Tensor& flat);

}  // namespace una::kernels
