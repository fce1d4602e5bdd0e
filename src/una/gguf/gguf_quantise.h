#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::gguf {

// llama.cpp's storage types; the values are those of ggml_type. Q8_0 stores blocks of 32 numbers of a row,
// each with an fp16 scale and 32 signed bytes.
enum class GgmlType : std::uint32_t { kF32 = 0, kF16 = 1, kQ8_0 = 8, kBF16 = 30 };

inline constexpr std::int64_t kQ8Block = 32;

const char* ggml_name(GgmlType type);  // "F32", as llama.cpp prints it

// Whether rows of this shape are whole blocks.
bool fits_blocks(const std::vector<std::int64_t>& shape, GgmlType type);

// Bytes of `numbers` numbers (a multiple of the block).
std::uint64_t ggml_size(std::int64_t numbers, GgmlType type);

// The numbers as stored in the file: a contiguous CPU tensor of ggml_size bytes. Rounded to nearest, ties to
// even; Q8_0 like ggml's reference quantize_row_q8_0 (scale = largest magnitude / 127, used before it is
// rounded to fp16; ties away from zero). InputError naming `what` when a number is not finite or exceeds the
// range of fp16.
at::Tensor ggml_bytes(const at::Tensor& values, GgmlType type, const std::string& what);

}  // namespace una::gguf
