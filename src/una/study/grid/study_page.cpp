#include "una/study/grid/study_page.h"

#include <algorithm>

#include "una/base/format.h"
#include "una/report/embedded.h"
#include "una/report/html_text.h"
#include "una/report/svg_plots.h"
#include "una/study/grid/summary.h"

namespace una::study {
namespace {

using report::escaped;

std::string card(const std::string& title, const std::string& note, const std::string& html) {
  if (html.empty()) { return ""; }
  return cat("<h3>", escaped(title), "</h3>\n<div class=\"card\"><p class=\"muted\">", escaped(note), "</p>",
             html, "</div>\n");
}

int color_of(std::size_t arm) { return static_cast<int>(arm % 10); }

// A figure with its interval over seeds for each arm that has it.
std::string forest(const Json& arms, const std::string& key, const std::string& axis) {
  std::vector<report::DotRow> rows;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    const auto found = arms[a].find(key);
    if (found == arms[a].end() || found->is_null()) { continue; }
    const double mean = found->at("mean").get<double>();
    const bool has_bounds = found->contains("low");
    const double half = has_bounds ? 0 : found->at("half_width").get<double>();
    rows.push_back({.name = arms[a].at("name").get<std::string>(),
                    .value = mean,
                    .low = has_bounds ? found->at("low").get<double>() : mean - half,
                    .high = has_bounds ? found->at("high").get<double>() : mean + half,
                    .color = color_of(a)});
  }
  return report::dot_plot_html({.rows = rows, .axis_title = axis});
}

std::string frontiers(const Json& arms) {
  report::LinePlot plot{.lines = {}, .x_title = "KL to the start, nats an answer", .y_title = "gain in gold"};
  for (std::size_t a = 0; a < arms.size(); ++a) {
    report::LinePlot::Line line{
        .name = arms[a].at("name").get<std::string>(), .points = {{0, 0}}, .color = color_of(a)};
    for (const Json& point : arms[a].at("frontier")) {
      line.points.emplace_back(point[0].get<double>(), point[1].get<double>());
    }
    std::sort(line.points.begin(), line.points.end());
    plot.lines.push_back(std::move(line));
  }
  return line_plot(plot);
}

std::string law(const Json& arms) {
  std::vector<double> ratios;
  for (const Json& arm : arms) {
    for (const Json& ratio : arm.at("law")) { ratios.push_back(ratio.get<double>()); }
  }
  if (ratios.size() < 2) { return ""; }
  return bar_plot(report::make_histogram(ratios, 12),
                  "gain / (rho sd sqrt(2 KL)), policies with KL 0.05 to 0.5");
}

std::string noise_section(const Json& summary, const Json& noise) {
  const Json& arms = noise.at("arms");
  const std::string kl = significant(summary.at("kl").get<double>(), 3);
  const std::string base = summary.at("baseline").get<std::string>();
  return cat(
      "<h2>", escaped(noise.at("task").get<std::string>()), ", ",
      escaped(noise.at("noise").get<std::string>()), "</h2>\n",
      card("Efficiency",
           "rho: correlation of the implicit reward with gold inside prompts, on answers of the "
           "start model; 95 % over seeds",
           forest(arms, "rho", "rho")),
      card("Difference in rho", "seed by seed against " + base,
           forest(arms, "rho_difference", "rho - rho of " + base)),
      card("Gain against KL", "an adapter's scales, means over seeds", frontiers(arms)),
      card("Gain at KL " + kl, "95 % bootstrap over seeds and prompts",
           forest(arms, "gain_at_kl", "gain in gold")),
      card("The law", "how well rho predicts the gain", law(arms)),
      card("Seconds", "of one training with one process for each cell", forest(arms, "seconds", "seconds")),
      card("Steadiness of the loss", "variance about its line over the square of its range",
           forest(arms, "loss_variance_relative", "variance / range squared")));
}

}  // namespace

std::string study_page(const Json& summary) {
  std::string body;
  for (const Json& noise : summary.at("noises")) { body += noise_section(summary, noise); }
  const std::string quick =
      summary.at("quick").get<bool>() ? "<p class=\"muted\">quick: no claim is decided.</p>" : "";
  return cat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>una study</title>\n<style>",
      report::kReportCss, "</style>\n</head>\n<body>\n<main>\n<header><p class=\"eyebrow\">una ", UNA_VERSION,
      "</p><h1>Study over ", summary.at("seeds").size(), " seeds</h1></header>\n", quick, body,
      "<h2>Tables</h2>\n<div class=\"card scroll\"><pre>", escaped(summary_tables(summary)),
      "</pre></div>\n</main>\n</body>\n</html>\n");
}

}  // namespace una::study
