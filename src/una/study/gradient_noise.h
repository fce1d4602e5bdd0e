#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/setup/run_config.h"

namespace una::study {

// How noisy a method's gradient is at one fixed policy: over `draws` independent rounds g of its own samples.
struct GradientNoise {
  std::string name;
  std::int64_t draws = 0;
  double norm = 0;   // of the expected gradient: |mean g|^2 less its own variance, square root (0: drowned)
  double noise = 0;  // trace of Cov(g)
  at::Tensor mean;   // [policy parameters] fp64

  // E|g - E g|^2 / |E g|^2 of one round; infinite where the mean is not resolved. No scale of the loss or of
  // the learning rate is in it.
  double relative() const;
};

// The policy of `config` (its adapter, or a fresh one) stays as it is; `config` is an online method's with
// one pass of one step a round. The critic's gradient is left out. InputError as a training run.
GradientNoise gradient_noise(const setup::RunConfig& config, std::int64_t draws, const std::string& name);

// Direction: mean gradients of two methods on the same policy, each with its own noise.
double cosine(const GradientNoise& a, const GradientNoise& b);

}  // namespace una::study
