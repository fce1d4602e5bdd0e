#include "una/data/row_summary.h"

#include <algorithm>

namespace una::data::detail {
namespace {

template <class T>
void add_values(Hasher& hasher, const std::vector<T>& values) {
  hasher.add_number(values.size());
  hasher.add({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

void add_double(Hasher& hasher, double value) {
  hasher.add({reinterpret_cast<const char*>(&value), sizeof value});
}

// Rows without these columns keep the hash that they had before the columns came to be.
void add_reference(Hasher& hasher, const Sequence& sequence) {
  if (sequence.sampler != Sampler::kUnknown) {
    hasher.add_number(static_cast<std::uint64_t>(sequence.sampler));
  }
  if (sequence.ref_rewards.raw.empty()) { return; }
  add_values(hasher, sequence.ref_rewards.raw);
  hasher.add_number(sequence.ref_rewards.has_own ? 1 : 0);
}

void add_row(Hasher& hasher, const Row& row) {
  hasher.add_number(static_cast<std::uint64_t>(row.unit)).add_number(row.group_id);
  hasher.add_number(static_cast<std::uint64_t>(row.source)).add_number(row.sequences.size());
  add_double(hasher, row.weight);
  add_double(hasher, row.has_margin ? row.margin : -1e300);
  for (const Sequence& sequence : row.sequences) {
    add_values(hasher, sequence.ids);
    add_values(hasher, sequence.loss_mask);
    add_double(hasher, sequence.target);
    add_double(hasher, sequence.raw_score);
    add_reference(hasher, sequence);
  }
}

}  // namespace

void RowSummary::add(const Row& row) {
  add_row(hasher_, row);
  ++seen_.rows_kept;
  ++seen_.by_unit[unit_name(row.unit)];
  for (const Sequence& sequence : row.sequences) { ++seen_.lengths[std::ssize(sequence.ids)]; }
  if (row.unit != Unit::kPair && row.unit != Unit::kPrompt) {
    answers_[row.group_id] += std::ssize(row.sequences);
  }
}

std::string RowSummary::finish(rows::ReadReport& report) const {
  report.rows_kept = seen_.rows_kept;
  report.by_unit = seen_.by_unit;
  report.lengths = seen_.lengths;
  for (const auto& [group, count] : answers_) {
    report.groups += count >= 2 ? 1 : 0;
    report.largest_group = std::max(report.largest_group, count);
  }
  return hasher_.hex();
}

}  // namespace una::data::detail
