#include "una/online/offline_rows.h"

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::online {

OfflineRows::OfflineRows(const data::Dataset& rows, std::int64_t rows_per_step, std::uint64_t seed,
                         const data::PackOptions& pack)
    : rows_(rows), rows_per_step_(rows_per_step), seed_(seed), pack_(pack) {
  check(rows.size() > 0 && rows_per_step > 0, "OfflineRows: no rows");
}

std::vector<PackedBatch> OfflineRows::of_step(std::int64_t step) const {
  check(step >= 1, "OfflineRows: steps count from 1");
  const auto size = static_cast<std::uint64_t>(rows_.size());
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < rows_per_step_; ++i) {
    const auto at = static_cast<std::uint64_t>((step - 1) * rows_per_step_ + i);
    const Permutation order(size, random_bits(seed_, stream_id("offline rows"), 0), at / size);
    rows.push_back(rows_.row(static_cast<std::int64_t>(order(at % size))));
  }
  return data::pack_rows(rows, pack_);
}

}  // namespace una::online
