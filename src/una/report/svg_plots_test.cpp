#include "una/report/svg_plots.h"

#include <limits>
#include <numeric>

#include <gtest/gtest.h>

namespace una::report {
namespace {

TEST(SvgPlots, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(round_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  const std::vector<double> ticks = round_ticks(-0.13, 1.42, 6);
  EXPECT_LE(ticks.front(), -0.13);
  EXPECT_GE(ticks.back(), 1.42);
  EXPECT_NEAR(ticks[1] - ticks[0], 0.5, 1e-12);
}

TEST(SvgPlots, AHistogramCountsEveryValueOnceEvenAtItsEnds) {
  const Histogram histogram = make_histogram({1, 1, 2, 5, 9.99, 10}, 10);
  EXPECT_EQ(histogram.edges.size(), histogram.counts.size() + 1);
  EXPECT_EQ(std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0.0), 6);
  EXPECT_EQ(histogram.counts.front(), 2);
  EXPECT_TRUE(make_histogram({}, 10).counts.empty());
  EXPECT_EQ(make_histogram({7, 7}, 10).counts.front(), 2);
}

TEST(SvgPlots, ANarrowDotPlotHasItsNamesAboveTheLines) {
  const std::vector<DotRow> rows = {{"a method with a long name", 0.5, 0.25, 0.75, 0}};
  const std::string narrow = dot_plot({.rows = rows, .axis_title = "gain"}, PlotWidth::kNarrow);
  EXPECT_NE(narrow.find("viewBox=\"0 0 360"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find("text-anchor=\"start\""), std::string::npos);
  EXPECT_NE(dot_plot({.rows = rows, .axis_title = "gain"}).find("viewBox=\"0 0 860"), std::string::npos);
}

TEST(SvgPlots, ADotPlotOfValuesHasNoSignsAndNeedNotReachZero) {
  const DotPlot plot{
      .rows = {{"learning_rate 3e-4, beta 0.1 (step 54)", 0.56, 0.52, 0.6, 0}, {"b", 0.53, 0.5, 0.55, 1}},
      .axis_title = "eval_win_rate",
      .differences = false};
  const std::string svg = dot_plot(plot);
  EXPECT_NE(svg.find(">0.560<"), std::string::npos);
  EXPECT_EQ(svg.find("+0.560"), std::string::npos);
  EXPECT_EQ(svg.find("class=\"zero\""), std::string::npos);
  EXPECT_EQ(svg.find(">0<"), std::string::npos) << svg;
}

TEST(SvgPlots, NamesAreEscapedAndAValueWithoutIntervalIsADot) {
  const std::string svg =
      dot_plot({.rows = {{"<b>", 0.5, 0.5, 0.5, 0}, {"dpo", -0.1, -0.2, 0.1, 3}}, .axis_title = "gain"});
  EXPECT_NE(svg.find("&lt;b&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_NE(svg.find("+0.500"), std::string::npos);
  EXPECT_NE(svg.find("--c3"), std::string::npos);
  const std::string mark = "class=\"interval\"";
  EXPECT_NE(svg.find(mark), std::string::npos);
  EXPECT_EQ(svg.find(mark), svg.rfind(mark));  // one of the two
}

TEST(SvgPlots, LinesKeepTheirOrderAndPointsWithoutAPlaceAreLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg =
      line_plot({.lines = {{"a<b", {{0, 0}, {nan, 5}, {2, 1}, {1, 2}}, 4}, {"none", {{nan, nan}}, 5}},
                 .x_title = "KL",
                 .y_title = "gold"});
  EXPECT_NE(svg.find("points=\"60.0,276.0 710.0,143.0 385.0,10.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  EXPECT_NE(svg.find("--c4"), std::string::npos);
  EXPECT_EQ(svg.find("none<"), std::string::npos);
  EXPECT_EQ(line_plot({.lines = {{"a", {}, 0}}, .x_title = "", .y_title = ""}), "");
  EXPECT_NE(line_plot({.lines = {{"a", {{3, 3}}, 0}}, .x_title = "", .y_title = ""}).find("<circle"),
            std::string::npos)
      << "a single point has a range too";
}

TEST(SvgPlots, AHistogramWhoseEdgesDoNotFitIsNotDrawn) {
  EXPECT_EQ(bar_plot({.edges = {0, 1}, .counts = {1, 2}}, "x"), "");
  EXPECT_EQ(bar_plot({}, "x"), "");
  EXPECT_NE(bar_plot({.edges = {0, 1, 2}, .counts = {1, 2}}, "x").find("<rect"), std::string::npos);
}

}  // namespace
}  // namespace una::report
