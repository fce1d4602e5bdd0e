#include "una/kernels/layer_norm.h"

#include <optional>

#include <ATen/ops/layer_norm.h>

#include "una/base/error.h"

namespace una::kernels {
namespace {

// In the compute dtype, such that the gradient reaches the master.
at::Tensor used(const Weight& weight) {
  return weight.trains() ? weight.master.to(weight.value.scalar_type()) : weight.value;
}

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const Weight& weight, const Weight& bias, double eps) {
  check(x.dim() == 2 && weight.value.numel() == x.size(1), "layer_norm: x must be [T, C] and the weight [C]");
  check(x.scalar_type() == weight.value.scalar_type(), "layer_norm: x and weight differ in dtype");
  const std::optional<at::Tensor> shift = bias.defined() ? std::optional(used(bias)) : std::nullopt;
  return at::layer_norm(x, {x.size(1)}, used(weight), shift, eps);
}

}  // namespace una::kernels
