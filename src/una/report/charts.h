#pragma once

#include <string>
#include <vector>

#include "una/report/run_folder.h"

namespace una::report {

// Charts as report.js wants them: [{"title", "note", "smooth", "range"?, "series": [{"label", "x", "y",
// "color"?, "dashed"?}]}]. Charts without data are left out.
struct Charts {
  Json main = Json::array();  // what everybody looks at
  Json more = Json::array();  // every other metric
};
Charts run_charts(const RunFolder& run);

// One curve a part, for the metrics that methods share.
Json comparison_charts(const std::vector<RunFolder>& parts);

}  // namespace una::report
