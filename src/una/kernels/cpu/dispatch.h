#pragma once

#include <cstdint>
#include <type_traits>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/kernels/cpu/table.h"

// The way from tensors to the CPU loops: element types, pointers, threads. For this room's sources only.
namespace una::kernels::detail {

template <class T>
const cpu::Table<T>& table() {
  const cpu::Tables& all = cpu::tables();
  if constexpr (std::is_same_v<T, float>) { return all.f32; }
  if constexpr (std::is_same_v<T, double>) { return all.f64; }
  if constexpr (std::is_same_v<T, cpu::Bf16>) { return all.bf16; }
}

// Calls work.template operator()<T>() with the loops' element type.
template <class Work>
void with_type(at::ScalarType type, const Work& work) {
  switch (type) {
    case at::kFloat:
      return work.template operator()<float>();
    case at::kDouble:
      return work.template operator()<double>();
    case at::kBFloat16:
      return work.template operator()<cpu::Bf16>();
    default:
      throw InternalError("kernels: a tensor must be float32, float64 or bfloat16");
  }
}

inline at::ScalarType compute_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

template <class T>
const T* read(const at::Tensor& tensor) {
  if (!tensor.defined()) { return nullptr; }
  check(tensor.is_cpu(), "kernels: a CPU loop was given another device's tensor");
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <class T>
T* write(const at::Tensor& tensor) {
  if (!tensor.defined()) { return nullptr; }
  check(tensor.is_cpu(), "kernels: a CPU loop was given another device's tensor");
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// work(begin, end) over disjoint runs of rows, in parallel when there is enough of it.
template <class Work>
void for_rows(std::int64_t rows, std::int64_t elements_per_row, const Work& work) {
  const std::int64_t grain = 1 + 16384 / (elements_per_row + 1);
  at::parallel_for(0, rows, grain, work);
}

}  // namespace una::kernels::detail
