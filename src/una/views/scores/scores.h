#pragma once

#include <memory>
#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/read_report.h"
#include "una/rows/schemas/schema.h"

namespace una::views {

// Fills Response::score in [0, 1] from raw_score: by the row's or data set's range, else --score_range, else
// the scores must be in [0, 1] already (InputError with the observed minimum and maximum). A sentinel of a
// failed judge (-1, -100) outside the range becomes a missing score; any other score outside its range is an
// InputError. Other mappings than range are fitted to all scores of a source, or taken from
// options.score_fits or the file options.score_fit; they need no range, and without one no number is a
// sentinel. A row without a range gets that of --score_range.
class ScoreMapper {
 public:
  explicit ScoreMapper(const rows::DataOptions& options);  // outlives this
  ~ScoreMapper();
  ScoreMapper(const ScoreMapper&) = delete;
  ScoreMapper& operator=(const ScoreMapper&) = delete;

  bool learns() const;  // from every row, by `see`, before the first `map`
  void see(const std::vector<rows::ReadRow>& rows);
  void map(std::vector<rows::ReadRow>& rows);
  // Into report.score_mapping what was done, into report.score_fits what was learnt.
  void finish(rows::ReadReport& report);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All rows at once.
void map_scores(std::vector<rows::ReadRow>& rows, const rows::DataOptions& options, rows::ReadReport& report);

// Inside the range, or beyond its ends by rounding only (weighted sums such as HelpSteer2's).
bool is_inside(double raw, const rows::ScoreRange& range);
double to_unit(double raw, const rows::ScoreRange& range);  // lo -> 0, hi -> 1, cut at the ends

}  // namespace una::views
