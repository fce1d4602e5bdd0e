#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/data/dataset.h"
#include "una/data/pack.h"

namespace una::online {

// Rows of files that train together with own samples: `rows_per_step` for each step, in a seeded order that starts
// over when all have had their turn. Which ones they are follows from the step's number, so a resumed run
// goes on with the same ones.
class OfflineRows {
 public:
  // `rows` must outlive it.
  OfflineRows(const data::Dataset& rows, std::int64_t rows_per_step, std::uint64_t seed,
              const data::PackOptions& pack);
  std::vector<PackedBatch> of_step(std::int64_t step) const;  // counts from 1

 private:
  const data::Dataset& rows_;
  std::int64_t rows_per_step_;
  std::uint64_t seed_;
  data::PackOptions pack_;
};

}  // namespace una::online
