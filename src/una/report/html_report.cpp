#include "una/report/html_report.h"

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/report/charts.h"
#include "una/report/embedded.h"
#include "una/report/eval_page.h"
#include "una/report/html_text.h"
#include "una/report/run_folder.h"
#include "una/report/sections.h"

namespace una::report {
namespace {

// Places for report.js to draw in; `all` collects the charts, a card names its own by index.
std::string chart_cards(const Json& charts, Json& all) {
  std::string html = "<div class=\"charts\">\n";
  for (const Json& chart : charts) {
    const std::string note = chart.at("note").get<std::string>();
    html += cat("<section class=\"card chart\" data-chart=\"", all.size(), "\"><h3>",
                escaped(chart.at("title").get<std::string>()), "</h3><p class=\"note\">",
                note.empty() ? "&nbsp;" : escaped(note),
                "</p><div class=\"legend\"></div><div class=\"plot\"></div></section>\n");
    all.push_back(chart);
  }
  return html + "</div>\n";
}

std::string chart_section(const RunFolder& run, Json& all) {
  const Json overlays = comparison_charts(run.parts);
  const Charts charts = run_charts(run);
  std::string html;
  const std::string slider =
      "<label class=\"smoothing\">Smoothing <input id=\"smoothing\" type=\"range\" min=\"0\" max=\"0.98\" "
      "step=\"0.02\" value=\"0.7\"></label>";
  if (!overlays.empty()) {
    html += cat("<h2>Curves by method ", slider, "</h2>", chart_cards(overlays, all));
  }
  if (!charts.main.empty()) {
    html += cat("<h2>Curves ", overlays.empty() ? slider : "", "</h2>", chart_cards(charts.main, all));
  }
  if (!charts.more.empty()) {
    html += cat("<details><summary>More curves (", charts.more.size(), ")</summary>",
                chart_cards(charts.more, all), "</details>\n");
  }
  return html;
}

std::string body(const RunFolder& run, Json& charts) {
  std::string html = header_section(run) + health_section(run) + tiles_section(run) + results_section(run);
  html += chart_section(run, charts);
  html += evaluations_section(run) + samples_section(run) + final_metrics_section(run) + data_section(run) +
          config_section(run);
  return html + cat("<footer>Made by una ", UNA_VERSION, " from the run folder ", escaped(run.name),
                    ". Charts: uPlot (MIT).</footer>");
}

}  // namespace

std::string html_report(const std::string& run_folder) {
  const RunFolder run = read_run_folder(run_folder);
  Json charts = Json::array();
  const std::string html = body(run, charts);
  return html_page(
      run.name, html,
      cat("<script type=\"application/json\" id=\"una-data\">", script_json({{"charts", charts}}),
          "</script>\n<script>", kUplotJs, "</script>\n<script>", kReportJs, "</script>\n"));
}

void write_html_report(const std::string& run_folder) {
  write_file(run_folder + "/report.html", html_report(run_folder));
}

}  // namespace una::report
