#include <cmath>

#include "una/base/format.h"
#include "una/report/html_text.h"
#include "una/report/sections.h"
#include "una/report/svg_plots.h"

// data.json is data::ReadReport::json(): counts by name. Members that are missing are not shown.
namespace una::report {
namespace {

std::string tile(const std::string& name, const Json& data, const char* key) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_number()) return "";
  return cat("<dl class=\"card tile\"><dt>", escaped(name), "</dt><dd>", escaped(display_text(*found)),
             "</dd></dl>");
}

std::string counts_table(const std::string& title, const Json& data, const char* key) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_object() || found->empty()) return "";
  std::string rows;
  for (const auto& [name, count] : found->items()) {
    rows += cat("<tr>", table_cell("", escaped(name)), table_cell("number", escaped(display_text(count))),
                "</tr>");
  }
  return cat("<div><h3>", escaped(title), "</h3><table>", rows, "</table></div>");
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list) {
    if (value.is_number()) values.push_back(value.get<double>());
  }
  return values;
}

// Every length, or ready-made bins; percentiles alone make no picture.
std::string length_plot(const Json& data) {
  const auto bins = data.find("length_histogram");
  if (bins != data.end() && bins->is_object() && bins->contains("edges") && bins->contains("counts")) {
    return bar_plot({.edges = numbers((*bins)["edges"]), .counts = numbers((*bins)["counts"])},
                    "tokens per sequence");
  }
  const auto lengths = data.find("lengths");
  if (lengths == data.end() || !lengths->is_array()) return "";
  return bar_plot(make_histogram(numbers(*lengths), 40), "tokens per sequence");
}

std::string sentence(const Json& data) {
  std::string html;
  const auto mapping = data.find("score_mapping");
  if (mapping != data.end() && mapping->is_string() && !mapping->get<std::string>().empty()) {
    html += cat("<p>Scores: ", escaped(mapping->get<std::string>()), "</p>");
  }
  const auto sources = data.find("sources");
  if (sources != data.end() && sources->is_array() && !sources->empty()) {
    std::vector<std::string> names;
    for (const Json& name : *sources) names.push_back(display_text(name));
    html += cat("<p class=\"muted\">Sources: ", escaped(join(names, ", ")), "</p>");
  }
  return html;
}

std::string length_percentiles(const Json& data) {
  const auto lengths = data.find("lengths");
  if (lengths == data.end() || !lengths->is_object()) return "";
  return counts_table("Tokens per sequence", data, "lengths");
}

std::string one_report(const Json& data, const std::string& title) {
  std::string tiles = tile("Rows read", data, "rows_read") + tile("Rows kept", data, "rows_kept");
  tiles += tile("Truncated", data, "rows_truncated") + tile("Boundary repaired", data, "boundary_repaired");
  tiles += tile("Groups", data, "groups") + tile("Largest group", data, "largest_group");
  std::string tables = counts_table("Shape of the rows", data, "by_shape");
  tables += counts_table("Kept as", data, "by_unit") + counts_table("Left out", data, "dropped");
  tables += counts_table("Ties", data, "ties") + counts_table("Not used", data, "unused") +
            length_percentiles(data);
  const std::string plot = length_plot(data);
  if (tiles.empty() && tables.empty() && plot.empty()) return "";
  std::string card = sentence(data);
  if (!tables.empty()) card += cat("<div class=\"columns\">", tables, "</div>");
  if (!plot.empty()) card += cat("<h3 style=\"margin:18px 0 6px\">Lengths</h3>", plot);
  return cat("<h2>", escaped(title), "</h2><div class=\"tiles\">", tiles, "</div>",
             card.empty() ? "" : cat("<div class=\"card\" style=\"margin-top:14px\">", card, "</div>\n"));
}

}  // namespace

std::string data_section(const RunFolder& run) {
  if (!run.data.is_object()) return "";
  if (run.data.contains("rows_read")) return one_report(run.data, "What the reader understood");
  std::string html;  // several: {"train": {...}, "eval": {...}}
  for (const auto& [name, data] : run.data.items()) {
    if (data.is_object()) html += one_report(data, "What the reader understood: " + name);
  }
  return html;
}

}  // namespace una::report
