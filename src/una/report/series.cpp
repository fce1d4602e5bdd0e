#include "una/report/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace una::report {
namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) { sum += value; }
  return sum / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) { sum += (value - centre) * (value - centre); }
  return sum / static_cast<double>(values.size());
}

}  // namespace

SeriesMap series_of(const std::vector<LogRow>& rows) {
  SeriesMap all;
  for (const LogRow& row : rows) {
    for (const auto& [name, value] : row.values) {
      Series& series = all[name];
      series.steps.push_back(row.step);
      series.values.push_back(value);
    }
  }
  return all;
}

const Series& find_series(const SeriesMap& all, const std::string& name) {
  static const Series kNone;
  const auto found = all.find(name);
  return found == all.end() ? kNone : found->second;
}

double median(std::vector<double> values) {
  if (values.empty()) { return std::numeric_limits<double>::quiet_NaN(); }
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Trend trend_of(const Series& series) {
  std::vector<double> values;
  std::copy_if(series.values.begin(), series.values.end(), std::back_inserter(values),
               [](double value) { return std::isfinite(value); });
  Trend trend{.count = values.size()};
  if (values.size() < 4) { return trend; }
  const std::size_t quarter = std::max<std::size_t>(2, values.size() / 4);
  const std::span<const double> first = std::span(values).first(quarter);
  const std::span<const double> last = std::span(values).last(quarter);
  trend.start = mean(first);
  trend.end = mean(last);
  trend.start_median = median({first.begin(), first.end()});
  trend.end_median = median({last.begin(), last.end()});
  trend.start_spread = variance(first);
  trend.end_spread = variance(last);
  return trend;
}

}  // namespace una::report
