#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_matrix.h"

namespace una::kernels {

// Writes the matrix' values to `out` [rows, columns] (fp32|bf16|fp64, contiguous, on the matrix' device). The
// values are computed in fp32 as bitsandbytes' dequantize_4bit does and rounded once to the matrix' dtype.
// Parallel over blocks on the CPU; ATen's operations elsewhere.
void expand(const PackedMatrix& matrix, const at::Tensor& out);
at::Tensor expanded(const PackedMatrix& matrix);  // a new tensor in the matrix' dtype

// The scale of each block or row, fp32.
at::Tensor block_scales(const PackedMatrix& matrix);

// The bytes that a matrix takes.
std::int64_t packed_bytes(const PackedMatrix& matrix);
PackedMatrix moved(PackedMatrix matrix, at::Device device);

// The memory that packed weights are expanded into: one buffer as large as the largest of them. Each model has
// its own. Not thread-safe.
class Scratch {
 public:
  // [rows, columns], not initialised. The tensor of the call before is overwritten.
  at::Tensor take(std::int64_t rows, std::int64_t columns, const at::TensorOptions& options);

 private:
  at::Tensor buffer_;
};

// The weight of a product: a tensor, or packed matrices stacked by rows that are expanded for one product at a
// time. Copies share both.
class LinearWeight {
 public:
  LinearWeight(at::Tensor dense) : dense_(std::move(dense)) {}  // NOLINT(google-explicit-constructor)
  // All parts have the same dtype, device and columns.
  LinearWeight(std::vector<std::shared_ptr<const PackedMatrix>> parts, std::shared_ptr<Scratch> scratch);

  std::int64_t rows() const;
  std::int64_t columns() const;
  at::ScalarType dtype() const;
  bool packed() const { return !parts_.empty(); }
  LinearWeight detached() const;  // the tensor without its history
  // [rows, columns] without history. Of a packed weight it is valid until the next call for a weight that
  // shares the scratch.
  at::Tensor values() const;

 private:
  at::Tensor dense_;
  std::vector<std::shared_ptr<const PackedMatrix>> parts_;
  std::shared_ptr<Scratch> scratch_;
};

}  // namespace una::kernels
