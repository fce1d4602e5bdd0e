#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/report/rows.h"

namespace una::report {

// One metric over a run, in the order it was logged.
struct Series {
  std::vector<std::int64_t> steps;
  std::vector<double> values;  // NaN where a value was not finite
  bool empty() const { return values.empty(); }
  std::size_t size() const { return values.size(); }
};
using SeriesMap = std::map<std::string, Series>;  // name -> series

SeriesMap series_of(const std::vector<LogRow>& rows);
// The series of that name, or an empty one.
const Series& find_series(const SeriesMap& all, const std::string& name);

// Level of a series over its first and over its last quarter (at least two values each): means and medians of
// the finite values. `count` is the number of finite values; below 4 nothing else is set.
struct Trend {
  std::size_t count = 0;
  double start = 0, end = 0;  // means
  double start_median = 0, end_median = 0;
  double start_spread = 0, end_spread = 0;  // variances
};
Trend trend_of(const Series& series);

double median(std::vector<double> values);  // NaN when empty

}  // namespace una::report
