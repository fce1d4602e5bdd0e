#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/data/dataset.h"
#include "una/rows/data_options.h"
#include "una/rows/drops.h"

namespace una::data::detail {

// Where tokenised rows go. Slots give their order; rows of one slot keep the order of arrival.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void add(std::int64_t slot, Row row) = 0;
};

// Files -> tokenised rows, a thousand at a time: read, map scores, leave degenerate rows out, derive the
// view, tokenise. `bounded`: files are read twice where answers are gathered over a file, so that those whose
// prompt is complete need not stay in memory. Counts go into `report`, rows that are left out into `drops`.
void load_rows(const rows::DataOptions& options, const text::Encoder& encoder,
               const std::vector<Unit>& accepted, bool bounded, RowSink& sink, rows::ReadReport& report,
               rows::DropLog& drops);

}  // namespace una::data::detail
