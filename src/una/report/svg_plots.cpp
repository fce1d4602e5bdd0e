#include "una/report/svg_plots.h"

#include <algorithm>
#include <cmath>

#include "una/base/format.h"
#include "una/report/html_text.h"

namespace una::report {
namespace {

std::string place(double value) { return fixed(value, 1); }

std::string line(const char* style, double x1, double y1, double x2, double y2) {
  return cat("<line class=\"", style, "\" x1=\"", place(x1), "\" y1=\"", place(y1), "\" x2=\"", place(x2),
             "\" y2=\"", place(y2), "\"/>");
}

std::string label(const char* style, const char* anchor, double x, double y, const std::string& text) {
  return cat("<text class=\"", style, "\" text-anchor=\"", anchor, "\" x=\"", place(x), "\" y=\"", place(y),
             "\">", escaped(text), "</text>");
}

std::string frame(double width, double height, const std::string& title) {
  return cat("<svg viewBox=\"0 0 ", place(width), " ", place(height), "\" role=\"img\" aria-label=\"",
             escaped(title), "\">");
}

double round_step(double span, int about) {
  const double rough = span / about;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) { return factor * power; }
  }
  return 10 * power;
}

std::string tick_text(double tick) { return significant(std::abs(tick) < 1e-12 ? 0 : tick, 4); }

// Where a dot plot's parts are, in pixels. On a narrow one the name is above its line.
struct DotFrame {
  bool narrow = false;
  std::vector<double> ticks;
  double whole = 860, left = 150, right = 90, row_height = 30, top = 10, bottom = 0;
  double span() const { return ticks.back() - ticks.front(); }
  double x_of(double value) const { return left + (value - ticks.front()) / span() * (whole - left - right); }
};

DotFrame dot_frame(const DotPlot& plot, PlotWidth width) {
  constexpr double kLetter = 7.5, kMostLeft = 420;  // pixels
  DotFrame out{.narrow = width == PlotWidth::kNarrow};
  double low = plot.differences ? 0 : plot.rows.front().value, high = low;
  std::size_t longest = 0;
  for (const DotRow& row : plot.rows) {
    low = std::min({low, row.low, row.value});
    high = std::max({high, row.high, row.value});
    longest = std::max(longest, row.name.size());
  }
  if (low == high) { high = low + 1; }
  out.ticks = round_ticks(low, high, out.narrow ? 4 : 6);
  out.left = std::clamp(kLetter * static_cast<double>(longest) + 20, out.left, kMostLeft);
  if (out.narrow) { out.whole = 360, out.left = 20, out.right = 64, out.row_height = 46; }
  out.bottom = out.top + out.row_height * static_cast<double>(plot.rows.size());
  return out;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int about) {
  const double step = round_step(high - low, about);
  std::vector<double> ticks;
  for (double at = std::floor(low / step) * step; at < high + step * 0.999; at += step) {
    ticks.push_back(at);
  }
  return ticks;
}

std::string dot_plot(const DotPlot& plot, PlotWidth width) {
  const DotFrame at = dot_frame(plot, width);
  const std::string& narrow_title = plot.narrow_title.empty() ? plot.axis_title : plot.narrow_title;
  const std::string& title = at.narrow ? narrow_title : plot.axis_title;
  std::string svg = frame(at.whole, at.bottom + 44, title);
  for (const double tick : at.ticks) {
    const bool zero = plot.differences && std::abs(tick) < 1e-9 * at.span();
    svg += line(zero ? "zero" : "grid", at.x_of(tick), at.top, at.x_of(tick), at.bottom);
    svg += label("quiet", "middle", at.x_of(tick), at.bottom + 17, tick_text(tick));
  }
  svg += label("quiet", "middle", (at.left + at.whole - at.right) / 2, at.bottom + 37, title);
  double y = at.top + at.row_height * (at.narrow ? 0.7 : 0.5);
  for (const DotRow& row : plot.rows) {
    svg +=
        at.narrow ? label("", "start", 4, y - 12, row.name) : label("", "end", at.left - 14, y + 4, row.name);
    svg += cat("<g style=\"--dot:var(--c", row.color, ")\">");
    if (row.low < row.high) { svg += line("interval", at.x_of(row.low), y, at.x_of(row.high), y); }
    svg += cat("<circle class=\"dot\" r=\"6\" cx=\"", place(at.x_of(row.value)), "\" cy=\"", place(y),
               "\"/></g>");
    const char* sign = plot.differences && row.value > 0 ? "+" : "";
    svg += label("", "start", at.whole - at.right + 14, y + 4, sign + fixed(row.value, 3));
    y += at.row_height;
  }
  return svg + "</svg>";
}

std::string dot_plot_html(const DotPlot& plot) {
  if (plot.rows.empty()) { return ""; }
  return cat("<div class=\"wide\">", dot_plot(plot), "</div><div class=\"narrow\">",
             dot_plot(plot, PlotWidth::kNarrow), "</div>");
}

namespace {

// The area of the points: x from left to right, y from bottom to top, over round ticks.
struct Area {
  std::vector<double> x_ticks, y_ticks;
  double width = 860, height = 320, left = 60, right = 150, top = 10, bottom = 276;
  double x(double value) const {
    return left + (value - x_ticks.front()) / (x_ticks.back() - x_ticks.front()) * (width - left - right);
  }
  double y(double value) const {
    return bottom - (value - y_ticks.front()) / (y_ticks.back() - y_ticks.front()) * (bottom - top);
  }
};

std::vector<double> ticks_over(const std::vector<double>& values, int about) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return round_ticks(*low, *high > *low ? *high : *low + 1, about);
}

std::string axes(const Area& area, const LinePlot& plot) {
  std::string svg;
  for (const double tick : area.y_ticks) {
    svg += line("grid", area.left, area.y(tick), area.width - area.right, area.y(tick));
    svg += label("quiet", "end", area.left - 8, area.y(tick) + 4, tick_text(tick));
  }
  for (const double tick : area.x_ticks) {
    svg += label("quiet", "middle", area.x(tick), area.bottom + 17, tick_text(tick));
  }
  svg += label("quiet", "middle", (area.left + area.width - area.right) / 2, area.bottom + 37, plot.x_title);
  return svg + label("quiet", "start", area.left, area.top + 4, plot.y_title);
}

std::string drawn_line(const Area& area, const LinePlot::Line& one) {
  std::string path, dots;
  double x = 0, y = 0;
  for (const auto& [px, py] : one.points) {
    if (!std::isfinite(px) || !std::isfinite(py)) { continue; }
    x = area.x(px), y = area.y(py);
    path += cat(path.empty() ? "" : " ", place(x), ",", place(y));
    dots += cat("<circle class=\"dot\" r=\"4\" cx=\"", place(x), "\" cy=\"", place(y), "\"><title>",
                escaped(cat(one.name, ": ", tick_text(py), " at ", tick_text(px))), "</title></circle>");
  }
  if (path.empty()) { return ""; }
  return cat("<g style=\"--dot:var(--c", one.color,
             ")\"><polyline class=\"interval\" fill=\"none\" points=\"", path, "\"/>", dots, "</g>",
             label("", "start", x + 10, y + 4, one.name));
}

}  // namespace

std::string line_plot(const LinePlot& plot) {
  std::vector<double> xs, ys;
  for (const LinePlot::Line& one : plot.lines) {
    for (const auto& [x, y] : one.points) {
      if (!std::isfinite(x) || !std::isfinite(y)) { continue; }
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  if (xs.empty()) { return ""; }
  const Area area{.x_ticks = ticks_over(xs, 8), .y_ticks = ticks_over(ys, 5)};
  std::string svg = frame(area.width, area.height, plot.y_title + " by " + plot.x_title) + axes(area, plot);
  for (const LinePlot::Line& one : plot.lines) { svg += drawn_line(area, one); }
  return svg + "</svg>";
}

Histogram make_histogram(const std::vector<double>& values, int bins) {
  Histogram histogram;
  if (values.empty()) { return histogram; }
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  histogram.edges = round_ticks(*low, *high > *low ? *high : *low + 1, bins);
  histogram.counts.assign(histogram.edges.size() - 1, 0);
  const double step = histogram.edges[1] - histogram.edges[0];
  for (const double value : values) {
    const auto bin = static_cast<std::size_t>((value - histogram.edges[0]) / step);
    histogram.counts[std::min(bin, histogram.counts.size() - 1)] += 1;
  }
  return histogram;
}

std::string bar_plot(const Histogram& histogram, const std::string& axis_title) {
  const std::size_t bins = histogram.counts.size();
  if (bins == 0 || histogram.edges.size() != bins + 1) { return ""; }
  const double most = std::max(1.0, *std::max_element(histogram.counts.begin(), histogram.counts.end()));
  const double from = histogram.edges.front(), span = histogram.edges.back() - from;
  const double width = 860, left = 60, right = 10, top = 10, bottom = 170;
  const auto x_of = [&](double value) { return left + (value - from) / span * (width - left - right); };
  const std::vector<double> ticks = round_ticks(0, most, 4);
  const auto y_of = [&](double count) { return bottom - count / ticks.back() * (bottom - top); };
  std::string svg = frame(width, bottom + 44, axis_title);
  for (const double tick : ticks) {
    svg += line("grid", left, y_of(tick), width - right, y_of(tick));
    svg += label("quiet", "end", left - 8, y_of(tick) + 4, display_number(tick));
  }
  for (std::size_t i = 0; i < bins; ++i) {
    const double x = x_of(histogram.edges[i]), y = y_of(histogram.counts[i]);
    svg += cat("<rect class=\"bar\" rx=\"1.5\" x=\"", place(x + 1), "\" y=\"", place(y), "\" width=\"",
               place(std::max(1.0, x_of(histogram.edges[i + 1]) - x - 2)), "\" height=\"", place(bottom - y),
               "\"><title>",
               escaped(cat(tick_text(histogram.edges[i]), " to ", tick_text(histogram.edges[i + 1]), ": ",
                           display_number(histogram.counts[i]))),
               "</title></rect>");
  }
  for (const double tick : round_ticks(from, histogram.edges.back(), 8)) {
    if (tick <= histogram.edges.back() * 1.0001) {
      svg += label("quiet", "middle", x_of(tick), bottom + 17, display_number(tick));
    }
  }
  return svg + label("quiet", "middle", (left + width - right) / 2, bottom + 37, axis_title) + "</svg>";
}

}  // namespace una::report
