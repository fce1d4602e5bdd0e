#pragma once

#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Fills Response::score in [0, 1] from raw_score: by the row's or data set's range, else --score_range, else
// the scores must lie in [0, 1] already (InputError with the observed minimum and maximum). A sentinel of a
// failed judge (-1, -100) outside the range becomes a missing score; any other score outside its range is an
// InputError. `report.score_mapping` says what was done.
// A row without a range gets that of --score_range.
void map_scores(std::vector<ReadRow>& rows, const DataOptions& options, ReadReport& report);

double to_unit(double raw, const ScoreRange& range);  // lo -> 0, hi -> 1, cut at the ends

}  // namespace una::data::detail
