#include "una/kernels/copy_rows.h"

#include <cstring>

#include "una/kernels/cpu/dispatch.h"

namespace una::kernels {

void copy_rows(const at::Tensor& from, const at::Tensor& slots, const at::Tensor& to) {
  check(from.dim() == 3 && to.dim() == 3 && from.size(1) == to.size(1) && from.size(2) == to.size(2),
        "copy_rows: from must be [T, H, D] and to [S, H, D]");
  check(from.stride(2) == 1 && to.stride(2) == 1 && from.scalar_type() == to.scalar_type(),
        "copy_rows: rows of D must be contiguous, in one dtype");
  check(slots.numel() == from.size(0) && slots.scalar_type() == at::kLong && slots.is_contiguous(),
        "copy_rows: slots must be [T] int64");
  if (!to.is_cpu()) {
    at::Tensor(to).index_copy_(0, slots, from);
    return;
  }
  const auto bytes = static_cast<std::int64_t>(from.element_size());
  const std::int64_t heads = from.size(1), row = bytes * from.size(2);
  const auto* source = static_cast<const char*>(from.const_data_ptr());
  auto* target = static_cast<char*>(to.mutable_data_ptr());
  const auto* places = detail::read<std::int64_t>(slots);
  detail::for_rows(from.size(0), heads * from.size(2), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      check(places[i] >= 0 && places[i] < to.size(0), "copy_rows: a slot is outside the target");
      for (std::int64_t h = 0; h < heads; ++h) {
        std::memcpy(target + bytes * (places[i] * to.stride(0) + h * to.stride(1)),
                    source + bytes * (i * from.stride(0) + h * from.stride(1)),
                    static_cast<std::size_t>(row));
      }
    }
  });
}

}  // namespace una::kernels
