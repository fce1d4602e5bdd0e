#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// silu(gate) * up for gate_up [T, 2 I] (gate first) -> [T, I]. fp32|bf16, arithmetic in fp32. Gradient:
// gate_up. Saves gate_up only.
at::Tensor swiglu(const at::Tensor& gate_up);

// gpt_oss's form, with the same shapes: g sigmoid(alpha g) (u + 1), where g is the gate, at most `limit`, and u is up,
// clamped to +-limit. A clamped number has no gradient.
at::Tensor clamped_swiglu(const at::Tensor& gate_up, double alpha, double limit);

}  // namespace una::kernels
