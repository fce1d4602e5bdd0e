#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace una::report {

// A dot with an interval, one line each; `low` = `high` draws the dot alone.
struct DotRow {
  std::string name;
  double value = 0, low = 0, high = 0;
  int color = 0;  // of report.css: --c0 to --c9
};
struct DotPlot {
  std::vector<DotRow> rows;
  std::string axis_title;
  std::string narrow_title;  // of the axis of a narrow plot; "": the same
  bool differences = true;   // values have signs and the axis has 0; else it has the values only
};
// kNarrow is readable at 390 pixels: each name is above its line instead of left of it.
enum class PlotWidth : std::uint8_t { kWide, kNarrow };
std::string dot_plot(const DotPlot& plot, PlotWidth width = PlotWidth::kWide);
// Both widths, of which report.css shows the one that fits; "" without rows.
std::string dot_plot_html(const DotPlot& plot);

// Counts between `edges` (one more than counts) as bars.
struct Histogram {
  std::vector<double> edges, counts;
};
std::string bar_plot(const Histogram& histogram, const std::string& axis_title);

// Points joined in their order, a name at the last one.
struct LinePlot {
  // One line of the plot.
  struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;
    int color = 0;  // of report.css: --c0 to --c9
  };
  std::vector<Line> lines;
  std::string x_title, y_title;
};
std::string line_plot(const LinePlot& plot);  // "" without points; points that are not finite are left out

// Bins of round widths, about `bins` of them. `values` need not be sorted.
Histogram make_histogram(const std::vector<double>& values, int bins);

// Round numbers from about `low` to about `high`, `low` < `high`.
std::vector<double> round_ticks(double low, double high, int about);

}  // namespace una::report
