#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una::kernels {

// transformers' gelu_pytorch_tanh and gelu.
enum class Gelu : std::uint8_t { kTanh, kExact };

// gelu(gate) * up for gate_up [T, 2 I] (gate first) -> [T, I]. fp32|bf16, arithmetic in fp32. Gradient:
// gate_up. Saves gate_up only.
at::Tensor geglu(const at::Tensor& gate_up, Gelu form);

}  // namespace una::kernels
