#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"

namespace una::objective {

// A row of the table: the `size` adjacent sequences from index `first` on.
struct RowSpan {
  std::int64_t first = 0, size = 0;
  Unit unit = Unit::kSft;
};

// The rows of a table, in order. InternalError when a row is split, out of slot order or has the wrong number
// of answers for its unit.
std::vector<RowSpan> row_spans(const std::vector<SequenceMeta>& sequences);

double count_rows(const std::vector<SequenceMeta>& sequences, Unit unit);

// The role of a sequence in metrics.
enum class Role : std::uint8_t { kNone, kChosen, kRejected };
Role role_of(const SequenceMeta& sequence);  // pairs by slot, labels by target, else none

// Host vectors as tensors on `device`: [n] fp64, [n] int64.
at::Tensor device_tensor(const std::vector<double>& values, at::Device device);
at::Tensor device_tensor(const std::vector<std::int64_t>& values, at::Device device);
// The numbers of an [n] tensor, detached, on the host.
std::vector<double> host_values(const at::Tensor& values);

}  // namespace una::objective
