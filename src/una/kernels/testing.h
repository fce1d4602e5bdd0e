#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/weight.h"

// For this room's tests: compares an op with its reference, values and gradients, over dtypes.
namespace una::kernels::testing {

// N(0, 1) values that bfloat16 represents exactly; a function of the seed alone.
at::Tensor random(at::IntArrayRef sizes, std::uint64_t seed, double scale = 1);

// Largest difference over the largest reference value (over 1e-3 where that is smaller). NaN: infinite.
double difference(const at::Tensor& got, const at::Tensor& wanted);

using Tensors = std::vector<at::Tensor>;
using Op = std::function<at::Tensor(const Tensors& inputs)>;

// One comparison. Inputs are activations in `dtype`, or masters (fp32, or fp64 for fp64) where is_master.
// Both ops are called on leaves; for bfloat16 the reference gets the same numbers in fp32. expect_agreement
// expects the outputs, and every input's gradient for one random gradient of the output, to agree within the
// dtype's tolerance.
struct Comparison {
  Op op, reference;
  Tensors inputs;               // any dtype; converted
  std::vector<bool> is_master;  // empty: none
  std::vector<bool> is_frozen;  // empty: none
};
void expect_agreement(const Comparison& comparison, at::ScalarType dtype, double factor = 1);

// Central differences in fp64 along a random direction of each input against autograd's gradient.
void expect_true_gradients(const Op& op, const Tensors& inputs, double tolerance = 1e-6);

// A weight whose value is the master in `dtype`.
Weight weight_of(const at::Tensor& master, at::ScalarType dtype);

const std::vector<at::ScalarType>& all_dtypes();

}  // namespace una::kernels::testing
