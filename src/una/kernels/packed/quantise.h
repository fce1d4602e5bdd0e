#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "una/core/packed_matrix.h"

namespace una::kernels {

inline constexpr std::int64_t kNf4Block = 64, kNestedBlock = 256;  // bitsandbytes' defaults

// A matrix [rows, columns] of finite numbers (fp32|bf16|fp64, on the CPU) as NF4 (arXiv:2305.14314): blocks of
// 64 numbers of the flattened matrix, each with its largest absolute value as scale, and the nearest of 16
// levels for each number. `nested`: the scales, less their mean, are quantised to 8 bits in blocks of 256.
// Codes, scales and mean are those of bitsandbytes.functional.quantize_4bit of bitsandbytes 0.50 on the CPU,
// bit for bit (with an equal number of threads, since the mean is a sum of floats). Parallel over blocks.
PackedMatrix quantise_nf4(const at::Tensor& weight, bool nested);

// The same as int8 with one scale for each row: round(127 w / absmax), ties to even, as bitsandbytes'
// int8_vectorwise_quant; a row of zeros stays one.
PackedMatrix quantise_int8(const at::Tensor& weight);

// By what is asked for; `how` must not be none.
PackedMatrix quantise(const at::Tensor& weight, const Quantisation& how);

}  // namespace una::kernels
