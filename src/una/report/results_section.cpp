#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "una/base/format.h"
#include "una/report/html_text.h"
#include "una/report/sections.h"
#include "una/report/svg_plots.h"

namespace una::report {
namespace {

std::optional<double> number(const Json& method, const char* key) {
  const auto found = method.find(key);
  if (found == method.end() || !found->is_number()) { return std::nullopt; }
  return found->get<double>();
}

std::optional<double> gain(const Json& method) {
  const auto before = number(method, "gold_before"), after = number(method, "gold_after");
  if (!before || !after) { return std::nullopt; }
  return *after - *before;
}

std::string text(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : "\xE2\x80\x93";
}

// [low, high] of gain_ci95, where both are numbers.
std::optional<std::pair<double, double>> interval(const Json& method) {
  const auto found = method.find("gain_ci95");
  if (found == method.end() || !found->is_array() || found->size() != 2) { return std::nullopt; }
  if (!(*found)[0].is_number() || !(*found)[1].is_number()) { return std::nullopt; }
  return std::pair{(*found)[0].get<double>(), (*found)[1].get<double>()};
}

std::string name_of(const Json& method) {
  const auto found = method.find("name");
  return found == method.end() ? "?" : display_text(*found);
}

std::string name_cell(const RunFolder& run, const Json& method) {
  const std::string name = name_of(method);
  for (const RunFolder& part : run.parts) {
    if (part.label == name && part.has_report) {
      return table_cell("", cat("<a href=\"", escaped(part.name), "/report.html\">", escaped(name), "</a>"));
    }
  }
  return table_cell("", escaped(name));
}

std::string method_row(const RunFolder& run, const Json& method, bool best,
                       const std::vector<std::string>& others) {
  const auto ci = interval(method);
  const auto win = number(method, "win_rate"), seconds = number(method, "seconds"),
             peak = number(method, "peak_mb");
  std::string row = "<tr>" + name_cell(run, method);
  row += table_cell("number muted", text(number(method, "gold_before"), 3));
  row += table_cell("number", text(number(method, "gold_after"), 3));
  row += table_cell(best ? "number best" : "number", text(gain(method), 3));
  row += table_cell("number muted",
                    ci ? cat(fixed(ci->first, 3), " to ", fixed(ci->second, 3)) : "\xE2\x80\x93");
  row += table_cell("number", win ? percent(*win, 1) : "\xE2\x80\x93");
  row += table_cell("number", text(number(method, "kl"), 2));
  row += table_cell("number", seconds ? human_seconds(*seconds) : "\xE2\x80\x93");
  row += table_cell("number", peak ? human_bytes(*peak * 1048576) : "\xE2\x80\x93");
  for (const std::string& key : others) {
    row += table_cell("number", method.contains(key) ? escaped(display_text(method[key])) : "");
  }
  return row + "</tr>\n";
}

std::vector<std::string> other_keys(const Json& methods) {
  static const std::set<std::string> kKnown = {"name", "gold_before", "gold_after", "gain_ci95", "win_rate",
                                               "kl",   "seconds",     "peak_mb",    "gain",      "folder"};
  std::vector<std::string> keys;
  for (const Json& method : methods) {
    for (const auto& [key, value] : method.items()) {
      const bool seen = std::find(keys.begin(), keys.end(), key) != keys.end();
      if (!seen && kKnown.count(key) == 0 && value.is_primitive()) { keys.push_back(key); }
    }
  }
  return keys;
}

// The colour of the method's curves.
int color_of(const RunFolder& run, const std::string& name) {
  for (std::size_t i = 0; i < run.parts.size(); ++i) {
    if (run.parts[i].label == name) { return static_cast<int>(i % 10); }
  }
  return 0;
}

std::string gain_plot(const RunFolder& run, const Json& methods) {
  std::vector<DotRow> dots;
  for (const Json& method : methods) {
    const auto value = gain(method);
    if (!value) { continue; }
    const auto ci = interval(method).value_or(std::pair{*value, *value});
    const std::string name = name_of(method);
    dots.push_back({name, *value, ci.first, ci.second, color_of(run, name)});
  }
  return dot_plot_html({.rows = std::move(dots),
                        .axis_title = "gain of the gold score, after minus before (95 % interval)",
                        .narrow_title = "gain (95 % interval)"});
}

// How good each checkpoint is against how far it went from the start, where results have such curves.
std::string curve_plot(const RunFolder& run, const Json& methods) {
  LinePlot plot{.lines = {}, .x_title = "KL to the start, nats an answer", .y_title = "gold score"};
  for (const Json& method : methods) {
    const auto found = method.find("curve");
    if (found == method.end() || !found->is_array()) { continue; }
    LinePlot::Line line{.name = name_of(method), .points = {}, .color = color_of(run, name_of(method))};
    if (const auto before = number(method, "gold_before")) { line.points.emplace_back(0, *before); }
    for (const Json& point : *found) {
      const auto kl = number(point, "kl"), gold = number(point, "gold");
      if (kl && gold) { line.points.emplace_back(*kl, *gold); }
    }
    if (!line.points.empty()) { plot.lines.push_back(std::move(line)); }
  }
  const std::string svg = line_plot(plot);
  return svg.empty() ? "" : cat("<div class=\"plot-scroll\">", svg, "</div>");
}

std::string card_below(const std::string& content) {
  return content.empty() ? "" : cat("<div class=\"card\" style=\"margin-top:16px\">", content, "</div>\n");
}

// Results of another kind: what is plain is shown.
std::string plain_results(const Json& results) {
  std::string rows;
  for (const auto& [key, value] : results.items()) {
    if (!value.is_primitive()) { continue; }
    rows += cat("<tr><td><code>", escaped(key), "</code></td>",
                table_cell("number", escaped(display_text(value))), "</tr>");
  }
  return rows.empty() ? "" : cat("<table>", rows, "</table>");
}

std::string cell_text(const Json& value) {
  return value.is_number_float() ? significant(value.get<double>(), 4) : display_text(value);
}

// The rounds of `una rounds`, one per line.
std::string rounds_table(const Json& rounds) {
  std::vector<std::string> keys;
  for (const Json& round : rounds) {
    if (!round.is_object()) { continue; }
    for (const auto& [key, value] : round.items()) {
      const bool seen = std::find(keys.begin(), keys.end(), key) != keys.end();
      if (!seen && value.is_primitive()) { keys.push_back(key); }
    }
  }
  std::string table = "<div class=\"scroll\"><table><tr>";
  for (const std::string& key : keys) { table += cat("<th class=\"number\">", escaped(key), "</th>"); }
  for (const Json& round : rounds) {
    table += "</tr>\n<tr>";
    for (const std::string& key : keys) {
      const bool has = round.is_object() && round.contains(key);
      table += table_cell("number", has ? escaped(cell_text(round[key])) : "");
    }
  }
  return keys.empty() ? "" : table + "</tr></table></div>";
}

}  // namespace

std::string results_section(const RunFolder& run) {
  if (!run.results.is_object()) { return ""; }
  const auto found = run.results.find("methods");
  if (found == run.results.end() || !found->is_array()) {
    const auto rounds = run.results.find("rounds");
    const bool has_rounds = rounds != run.results.end() && rounds->is_array();
    return cat(titled_card("Results", plain_results(run.results)),
               has_rounds ? card_below(rounds_table(*rounds)) : "");
  }
  Json methods = Json::array();
  for (const Json& method : *found) {
    if (method.is_object()) { methods.push_back(method); }
  }
  double best = -std::numeric_limits<double>::infinity();
  for (const Json& method : methods) { best = std::max(best, gain(method).value_or(best)); }
  const std::vector<std::string> others = other_keys(methods);
  std::string table =
      "<div class=\"scroll\"><table><tr><th>method</th><th class=\"number\">gold before</th><th "
      "class=\"number\">gold "
      "after</th><th class=\"number\">gain</th><th class=\"number\">95 % interval</th><th "
      "class=\"number\">win "
      "rate</th><th class=\"number\" title=\"mean log-ratio over own samples, nats per answer\">KL</th><th "
      "class=\"number\">time</th><th class=\"number\">peak memory</th>";
  for (const std::string& key : others) { table += cat("<th class=\"number\">", escaped(key), "</th>"); }
  table += "</tr>\n";
  for (const Json& method : methods) { table += method_row(run, method, gain(method) == best, others); }
  table += "</table></div>";
  return cat(titled_card("Results", table), card_below(gain_plot(run, methods)),
             card_below(curve_plot(run, methods)));
}

}  // namespace una::report
