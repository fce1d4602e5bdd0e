#pragma once

#include <ATen/core/Tensor.h>

namespace una::kernels {

// silu(gate) * up for gate_up [T, 2 I] (gate first) -> [T, I]. fp32|bf16, arithmetic in fp32. Gradient:
// gate_up. Saves gate_up only.
at::Tensor swiglu(const at::Tensor& gate_up);

}  // namespace una::kernels
