#include "una/report/sections.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "una/base/format.h"
#include "una/report/html_text.h"
#include "una/report/series.h"

namespace una::report {
namespace {

constexpr double kNoLoss = 1e-9;          // what an on-policy loss comes to that is 0 by its making
constexpr std::size_t kMostSamples = 60;  // rows of the table: the file holds all of them

std::string title_of(const RunFolder& run) {
  if (!run.parts.empty()) { return cat("Comparison of ", run.parts.size(), " methods"); }
  const std::string method = run.setting("method");
  return method.empty() ? run.name : cat(method, " \xC2\xB7 ", run.name);
}

std::string fact(const std::string& name, const std::string& value) {
  return value.empty() ? "" : cat("<div><dt>", escaped(name), "</dt><dd>", escaped(value), "</dd></div>");
}

std::string tile(const std::string& name, const std::string& value) {
  return value.empty()
             ? ""
             : cat("<dl class=\"card tile\"><dt>", escaped(name), "</dt><dd>", escaped(value), "</dd></dl>");
}

// 2026-11-24T07:12:05Z -> 2026-11-24 07:12 UTC; other texts as they are.
std::string date_text(const std::string& when) {
  const bool iso = when.size() == 20 && when[10] == 'T' && when.back() == 'Z';
  return iso ? cat(when.substr(0, 10), " ", when.substr(11, 5), " UTC") : when;
}

std::string seed_of(const RunFolder& run) {
  if (run.results.is_object() && run.results.contains("seed")) { return display_text(run.results["seed"]); }
  return run.setting("seed");
}

std::string last_text(const SeriesMap& all, const std::string& name) {
  const Series& series = find_series(all, name);
  return series.empty() ? "" : display_number(series.values.back());
}

std::string findings(const RunFolder& run, const std::string& prefix) {
  std::string items;
  for (const std::string& finding : split(run.health, '\n')) {
    if (!trim(finding).empty()) { items += cat("<li>", escaped(prefix + finding), "</li>"); }
  }
  return items;
}

bool is_duration(const std::string& name) { return name == "eval_runtime" || ends_with(name, "_per_second"); }

struct Change {
  std::string first, last;
};
Change change_of(const SeriesMap& all, const std::string& name) {
  const Series& series = find_series(all, name);
  if (series.empty()) { return {}; }
  return {display_number(series.values.front()), display_number(series.values.back())};
}

}  // namespace

std::string table_cell(const std::string& style, const std::string& html) {
  return style.empty() ? cat("<td>", html, "</td>") : cat("<td class=\"", style, "\">", html, "</td>");
}

std::string titled_card(const std::string& title, const std::string& html) {
  return html.empty() ? "" : cat("<h2>", escaped(title), "</h2>\n<div class=\"card\">", html, "</div>\n");
}

std::string header_section(const RunFolder& run) {
  const double seconds = run.seconds();
  std::string facts = fact("Model", run.setting("model_name_or_path"));
  facts += fact("Data", run.setting("dataset_name"));
  facts += fact(run.date_of, date_text(run.date));
  facts += fact("Duration", seconds > 0 ? human_seconds(seconds) : "");
  facts += fact("Seed", seed_of(run));
  facts += fact("una", run.version);
  return cat("<header><p class=\"eyebrow\">una report</p><h1>", escaped(title_of(run)),
             "</h1><dl class=\"facts\">", facts, "</dl></header>\n");
}

std::string health_section(const RunFolder& run) {
  std::string items = findings(run, "");
  for (const RunFolder& part : run.parts) { items += findings(part, part.label + ": "); }
  if (items.empty()) {
    return "<div class=\"health good\"><strong>All well.</strong> Nothing in the numbers asks for "
           "attention.</div>\n";
  }
  return cat("<div class=\"health warn\"><strong>Worth a look</strong><ul>", items, "</ul></div>\n");
}

std::string tiles_section(const RunFolder& run) {
  if (run.rows.empty()) { return ""; }
  const SeriesMap all = series_of(run.log_rows());
  const StoredRow& last = run.rows.back();
  const bool online = !find_series(all, "reward").empty();
  std::string tiles =
      tile("Steps", cat(thousands(last.row.step),
                        last.total_steps > last.row.step ? " of " + thousands(last.total_steps) : ""));
  tiles += tile("Epochs", significant(last.row.epoch, 3));
  tiles += tile("Reward", last_text(all, "reward"));
  tiles +=
      tile("KL", last_text(all, find_series(all, "objective/kl").empty() && online ? "kl" : "objective/kl"));
  const Series& loss = find_series(all, "loss");
  if (!online || (!loss.empty() && std::abs(loss.values.back()) >= kNoLoss)) {
    tiles += tile("Loss", last_text(all, "loss"));
  }
  tiles += tile("Eval loss", last_text(all, "eval_loss"));
  for (const char* name : {"rewards/accuracies", "accuracy"}) {
    const Series& series = find_series(all, name);
    if (!series.empty()) { tiles += tile("Accuracy", percent(series.values.back(), 1)); }
  }
  tiles += tile("Tokens", last_text(all, "num_tokens"));
  if (const Series& speed = find_series(all, "tokens_per_second"); !speed.empty()) {
    tiles += tile("Tokens/s", display_number(std::round(median(speed.values))));
  }
  double peak_mb = run.peak_mb;
  for (const double value : find_series(all, "memory_mb").values) { peak_mb = std::max(peak_mb, value); }
  tiles += tile("Peak memory", peak_mb > 0 ? human_bytes(peak_mb * 1048576) : "");
  return cat("<div class=\"tiles\">", tiles, "</div>\n");
}

std::string final_metrics_section(const RunFolder& run) {
  const SeriesMap all = series_of(run.log_rows());
  std::set<std::string> names;
  bool has_eval = false;
  for (const auto& [name, series] : all) {
    has_eval = has_eval || starts_with(name, "eval_");
    if (!is_duration(name)) { names.insert(starts_with(name, "eval_") ? name.substr(5) : name); }
  }
  if (names.empty()) { return ""; }
  std::string rows;
  for (const std::string& name : names) {
    const Change train = change_of(all, name), eval = change_of(all, "eval_" + name);
    rows += "<tr>" + table_cell("", cat("<code>", escaped(name), "</code>"));
    rows += table_cell("number muted", train.first) + table_cell("number", train.last);
    if (has_eval) { rows += table_cell("number muted", eval.first) + table_cell("number", eval.last); }
    rows += "</tr>\n";
  }
  const std::string head =
      cat("<tr><th>metric</th><th class=\"number\">train, first</th><th class=\"number\">last</th>",
          has_eval ? "<th class=\"number\">eval, first</th><th class=\"number\">last</th>" : "", "</tr>");
  return titled_card("Metrics", cat("<div class=\"scroll\"><table>", head, rows, "</table></div>"));
}

namespace {

// On a narrow screen a row of samples becomes a block whose cells carry their column's name; what was sampled and
// its reward come first.
std::string sample_cell(const std::string& column, const std::string& html, bool is_text) {
  const bool leads = column == "answer" || column == "completion" || column == "reward";
  const std::string style = cat(is_text ? "" : "number", leads ? " lead" : "");
  return cat("<td class=\"", trim(style), "\" data-name=\"", escaped(column), "\">", html, "</td>");
}

}  // namespace

std::string samples_section(const RunFolder& run) {
  if (run.samples.empty()) { return ""; }
  std::vector<std::string> columns;
  for (const Json& sample : run.samples) {
    for (const auto& [key, value] : sample.items()) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) { columns.push_back(key); }
    }
  }
  std::string html = "<div class=\"scroll\"><table class=\"samples\"><tr>";
  for (const std::string& column : columns) {
    std::string words = column;
    std::replace(words.begin(), words.end(), '_', ' ');
    const bool is_number = run.samples[0].contains(column) && run.samples[0][column].is_number();
    html += cat(is_number ? "<th class=\"number\">" : "<th>", escaped(words), "</th>");
  }
  html += "</tr>\n";
  for (std::size_t i = 0; i < std::min(kMostSamples, run.samples.size()); ++i) {
    html += "<tr>";
    for (const std::string& column : columns) {
      const auto found = run.samples[i].find(column);
      const Json value = found == run.samples[i].end() ? Json() : *found;
      const std::string text = escaped(display_text(value));
      html += sample_cell(column, value.is_string() ? cat("<div class=\"text\">", text, "</div>") : text,
                          value.is_string());
    }
    html += "</tr>\n";
  }
  html += "</table></div>";
  if (run.samples.size() > kMostSamples) {
    html += cat("<p class=\"muted\">", kMostSamples, " of ", run.samples.size(),
                " rows; all are in samples.jsonl.</p>");
  }
  return titled_card("Samples", html);
}

std::string config_section(const RunFolder& run) {
  if (run.yaml_text.empty()) { return ""; }
  return cat("<details class=\"card\"><summary>Settings (run.yaml)</summary><pre>", escaped(run.yaml_text),
             "</pre></details>\n");
}

}  // namespace una::report
