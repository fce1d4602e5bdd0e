#include "una/objective/rows.h"

#include <algorithm>

#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

void check_row(const std::vector<SequenceMeta>& sequences, const RowSpan& row) {
  const std::int64_t expected = row.unit == Unit::kPair ? 2 : 1;
  if (row.unit == Unit::kGroup) {
    check(row.size >= 2, "objective: a group of fewer than two answers");
  } else {
    check(row.unit != Unit::kPrompt, "objective: a prompt without an answer");
    check(row.size == expected, "objective: a row has the wrong number of answers for its unit");
  }
  for (std::int64_t i = 0; i < row.size; ++i) {
    const SequenceMeta& sequence = sequences[static_cast<std::size_t>(row.first + i)];
    check(sequence.slot == i, "objective: answers of a row are not in slot order");
    check(sequence.unit == row.unit, "objective: answers of a row differ in their unit");
  }
}

}  // namespace

std::vector<RowSpan> row_spans(const std::vector<SequenceMeta>& sequences) {
  std::vector<RowSpan> rows;
  std::size_t i = 0;
  while (i < sequences.size()) {
    std::size_t end = i + 1;
    // Slot 0 begins a row, because tables of several micro-batches can be concatenated.
    while (end < sequences.size() && sequences[end].row == sequences[i].row && sequences[end].slot != 0) {
      ++end;
    }
    rows.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(end - i), sequences[i].unit});
    check_row(sequences, rows.back());
    i = end;
  }
  return rows;
}

double count_rows(const std::vector<SequenceMeta>& sequences, Unit unit) {
  return static_cast<double>(std::count_if(sequences.begin(), sequences.end(), [&](const SequenceMeta& s) {
    return s.unit == unit && s.slot == 0;
  }));
}

Role role_of(const SequenceMeta& sequence) {
  if (sequence.unit == Unit::kPair) { return sequence.slot == 0 ? Role::kChosen : Role::kRejected; }
  if (sequence.unit == Unit::kBinary) { return sequence.target > 0.5 ? Role::kChosen : Role::kRejected; }
  return Role::kNone;
}

at::Tensor device_tensor(const std::vector<double>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble)).to(device);
}

at::Tensor device_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

std::vector<double> host_values(const at::Tensor& values) {
  const at::Tensor host = values.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* data = host.const_data_ptr<double>();
  return {data, data + host.numel()};
}

}  // namespace una::objective
