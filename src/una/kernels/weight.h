#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// A weight as kernels see it: `value` (compute dtype) is used in arithmetic, `master` (fp32) accumulates the
// gradient. They are one tensor when the compute dtype is fp32. A frozen weight has no master.
struct Weight {
  at::Tensor value;
  at::Tensor master;

  bool defined() const { return value.defined(); }
  bool trains() const { return master.defined() && master.requires_grad(); }
};

}  // namespace una::kernels
