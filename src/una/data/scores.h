#pragma once

#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Fills Response::score in [0, 1] from raw_score: by the row's or data set's range, else --score_range, else
// the scores must lie in [0, 1] already (InputError with the observed minimum and maximum). A sentinel of a
// failed judge (-1, -100) outside the range becomes a missing score; any other score outside its range is an
// InputError. `report.score_mapping` says what was done. Other mappings than range are fitted to all scores
// of a source, or taken from options.score_fits; they need no range, and without one no number is a sentinel.
// A row without a range gets that of --score_range.
void map_scores(std::vector<ReadRow>& rows, const DataOptions& options, ReadReport& report);

// Inside the range, or beyond its ends by rounding only (weighted sums such as HelpSteer2's).
bool is_inside(double raw, const ScoreRange& range);
double to_unit(double raw, const ScoreRange& range);  // lo -> 0, hi -> 1, cut at the ends

}  // namespace una::data::detail
