#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::weights {

// A tensor that is made while it is written, so that it need not be in memory as a whole.
struct StreamedTensor {
  using Write = std::function<void(const at::Tensor& part)>;
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  std::function<void(const Write& write)> parts;  // gives its numbers to `write`, in row-major order
};

// write_safetensors (safetensors.h) for tensors of which some are streamed: each when its turn in the file has come.
void write_streamed_safetensors(const std::string& path, std::vector<StreamedTensor> tensors);

}  // namespace una::weights
