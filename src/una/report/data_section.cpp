#include <cmath>
#include <utility>
#include <vector>

#include "una/base/format.h"
#include "una/report/html_text.h"
#include "una/report/sections.h"
#include "una/report/svg_plots.h"

// data.json is rows::ReadReport::json(): counts by name. Members that are missing are not shown.
namespace una::report {
namespace {

std::string tile(const std::string& name, const Json& data, const char* key) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_number()) { return ""; }
  return cat("<dl class=\"card tile\"><dt>", escaped(name), "</dt><dd>", escaped(display_text(*found)),
             "</dd></dl>");
}

std::string counts_table(const std::string& title, const Json& data, const char* key) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_object() || found->empty()) { return ""; }
  std::string rows;
  for (const auto& [name, count] : found->items()) {
    rows += cat("<tr>", table_cell("", escaped(name)), table_cell("number", escaped(display_text(count))),
                "</tr>");
  }
  return cat("<div><h3>", escaped(title), "</h3><table>", rows, "</table></div>");
}

std::string titled_table(const std::string& title, const std::string& header, const std::string& rows) {
  return cat("<div><h3>", escaped(title), "</h3><table><tr>", header, "</tr>", rows, "</table></div>");
}

std::string header_cell(const std::string& text, bool is_number) {
  return cat(is_number ? "<th class=\"number\">" : "<th>", escaped(text), "</th>");
}

// The sources of a weighted mixture.
std::string mixture_table(const Json& data) {
  const auto found = data.find("mixture");
  if (found == data.end() || !found->is_array() || found->empty()) { return ""; }
  std::string rows;
  for (const Json& part : *found) {
    if (!part.is_object()) { continue; }
    const auto cell = [&](const char* key, const char* style) {
      return table_cell(style, part.contains(key) ? escaped(display_text(part[key])) : "");
    };
    rows += cat("<tr>", cell("name", ""), cell("weight", "number"), cell("rows", "number"),
                cell("of", "number"), "</tr>");
  }
  const std::string header = header_cell("source", false) + header_cell("weight", true) +
                             header_cell("rows drawn", true) + header_cell("of rows", true);
  return titled_table("Mixture", header, rows);
}

// What a fit holds, by name; of percentiles the quartiles.
std::vector<std::pair<std::string, Json>> figures_of(const Json& fit) {
  std::vector<std::pair<std::string, Json>> out;
  for (const auto& [name, value] : fit.items()) {
    if (!value.is_array() || value.empty()) {
      out.emplace_back(name, value);
      continue;
    }
    const char* const quarters[] = {"lowest", "25 %", "median", "75 %", "highest"};
    for (std::size_t i = 0; i < 5; ++i) { out.emplace_back(quarters[i], value[(value.size() - 1) * i / 4]); }
  }
  return out;
}

// What the score mapping learnt, a row a source: all of them were fitted in the same way.
std::string fits_table(const Json& data) {
  const auto fits = data.find("score_fits");
  if (fits == data.end() || !fits->is_object() || fits->empty()) { return ""; }
  std::string rows, header;
  for (const auto& [source, fit] : fits->items()) {
    if (!fit.is_object()) { continue; }
    header = header_cell("source", false);
    std::string cells = table_cell("", escaped(source));
    for (const auto& [name, value] : figures_of(fit)) {
      header += header_cell(name, true);
      cells += table_cell("number", escaped(display_text(value)));
    }
    rows += cat("<tr>", cells, "</tr>");
  }
  return rows.empty() ? "" : titled_table("Scores that the mapping was fitted to", header, rows);
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list) {
    if (value.is_number()) { values.push_back(value.get<double>()); }
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
  if (lengths == data.end() || !lengths->is_array()) { return ""; }
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
    for (const Json& name : *sources) { names.push_back(display_text(name)); }
    html += cat("<p class=\"muted\">Sources: ", escaped(join(names, ", ")), "</p>");
  }
  return html;
}

std::string length_percentiles(const Json& data) {
  const auto lengths = data.find("lengths");
  if (lengths == data.end() || !lengths->is_object()) { return ""; }
  return counts_table("Tokens per sequence", data, "lengths");
}

std::string one_report(const Json& data, const std::string& title) {
  std::string tiles = tile("Rows read", data, "rows_read") + tile("Rows kept", data, "rows_kept");
  tiles += tile("Truncated", data, "rows_truncated") + tile("Boundary repaired", data, "boundary_repaired");
  tiles += tile("Groups", data, "groups") + tile("Largest group", data, "largest_group");
  std::string tables = counts_table("Shape of the rows", data, "by_shape");
  tables += counts_table("Kept as", data, "by_unit") + counts_table("Left out", data, "dropped");
  tables += counts_table("Ties", data, "ties") + counts_table("Not used", data, "unused") +
            length_percentiles(data) + mixture_table(data) + fits_table(data);
  const std::string plot = length_plot(data);
  if (tiles.empty() && tables.empty() && plot.empty()) { return ""; }
  std::string card = sentence(data);
  if (!tables.empty()) { card += cat("<div class=\"columns\">", tables, "</div>"); }
  if (!plot.empty()) { card += cat("<h3 style=\"margin:18px 0 6px\">Lengths</h3>", plot); }
  return cat("<h2>", escaped(title), "</h2><div class=\"tiles\">", tiles, "</div>",
             card.empty() ? "" : cat("<div class=\"card\" style=\"margin-top:14px\">", card, "</div>\n"));
}

}  // namespace

std::string data_section(const RunFolder& run) {
  if (!run.data.is_object()) { return ""; }
  if (run.data.contains("rows_read")) { return one_report(run.data, "What the reader understood"); }
  std::string html;  // several: {"train": {...}, "eval": {...}}
  for (const auto& [name, data] : run.data.items()) {
    if (data.is_object()) { html += one_report(data, "What the reader understood: " + name); }
  }
  return html;
}

}  // namespace una::report
