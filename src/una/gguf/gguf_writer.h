#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/gguf/gguf_quantise.h"

namespace una::gguf {

// A metadata value; the alternatives are the format's types that models need.
using GgufValue = std::variant<bool, std::uint32_t, float, std::string, std::vector<std::int32_t>,
                               std::vector<float>, std::vector<bool>, std::vector<std::string>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;  // written in this order

// One tensor of a GGUF file.
struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // rows first, as everywhere here; the file stores the row length first
  GgmlType type = GgmlType::kF32;
  // Its numbers in row-major order. May be a view with other strides or more dimensions: it becomes
  // contiguous only when it is written, so that one tensor at a time is in memory twice.
  at::Tensor data;
  // Where the tensor is a list of matrices of one size (the experts of a layer): those after the first.
  std::vector<at::Tensor> rest;
};

// Writes GGUF version 3, little-endian, tensors aligned to 32 bytes (llama.cpp's default). The file appears
// whole or not at all. Keys and names must be unique (InternalError). InputError when the disk is full or a
// number does not fit the type (see ggml_bytes).
void write_gguf(const std::string& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors);

}  // namespace una::gguf
