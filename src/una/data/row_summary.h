#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "una/base/hash.h"
#include "una/core/sequence.h"
#include "una/data/dataset.h"

namespace una::data::detail {

// What reading every row yields: the counts of a report and the content hash. Rows arrive in their order.
class RowSummary {
 public:
  void add(const Row& row);
  // Into rows_kept, by_unit, lengths, groups and largest_group; returns the hash.
  std::string finish(rows::ReadReport& report) const;

 private:
  Hasher hasher_;
  rows::ReadReport seen_;
  std::unordered_map<std::uint64_t, std::int64_t> answers_;  // by group
};

}  // namespace una::data::detail
