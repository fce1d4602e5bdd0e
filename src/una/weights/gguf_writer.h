#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/weights/gguf_quantise.h"

namespace una::weights {

// A metadata value; the alternatives are the types of the format that models need.
using GgufValue = std::variant<bool, std::uint32_t, float, std::string, std::vector<std::int32_t>,
                               std::vector<float>, std::vector<std::string>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;  // written in this order

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // rows first, as everywhere here; the file lists the row's length first
  GgmlType type = GgmlType::kF32;
  // Its numbers in row-major order. May be a view with other strides or more dimensions: it is laid out when
  // its turn to be written comes, so that one tensor at a time is held twice.
  at::Tensor data;
};

// GGUF version 3, little-endian, tensors aligned to 32 bytes (llama.cpp's default). The file appears whole or
// not at all. Keys and names must differ (InternalError). InputError when the disk is full or a number does
// not fit the type (see ggml_bytes).
void write_gguf(const std::string& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors);

}  // namespace una::weights
