#include "una/study/evaluate/eval_report.h"

#include <algorithm>

#include "una/base/format.h"
#include "una/study/evaluate/interval_text.h"

namespace una::study {
namespace {

using eval::Change;
using eval::Interval;
using eval::MetricScore;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string signed_number(double value, int digits) {
  return cat(value < 0 ? "" : "+", fixed(value, digits));
}

std::string change_text(const Change& change) {
  return cat(signed_number(change.gain.mean, 4), " [", signed_number(change.gain.low, 4), ", ",
             signed_number(change.gain.high, 4), "]  ", change.verdict);
}

std::size_t name_width(const std::vector<EvalTable>& tables) {
  std::size_t width = 8;
  for (const EvalTable& table : tables) {
    for (const EvalCell& cell : table.cells) { width = std::max(width, cell.contestant.size()); }
  }
  return width + 2;
}

void append_cell(std::string& out, const EvalCell& cell, const EvalCell& first, std::size_t width) {
  for (std::size_t m = 0; m < cell.score.metrics.size(); ++m) {
    const MetricScore& metric = cell.score.metrics[m];
    out += cat("  ", padded(cell.contestant, width), padded(metric.metric, 26), fixed(metric.value.mean, 4),
               "  ", bounds_text(metric.value, 4));
    if (!cell.changes.empty()) {
      out += cat("   against ", first.contestant, ": ", change_text(cell.changes[m]));
    }
    out += "\n";
  }
  out += cat("  ", padded(cell.contestant, width), padded("leaderboard, 0..100", 26),
             fixed(cell.score.normalised.mean, 2), "   ", bounds_text(cell.score.normalised, 2), "\n");
}

Json cell_json(const EvalCell& cell) {
  Json out{{"name", cell.contestant}, {"metrics", Json::object()}};
  for (const MetricScore& metric : cell.score.metrics) {
    out["metrics"][metric.metric] = interval_json(metric.value);
    out["metrics"][metric.metric]["rows"] = metric.rows;
  }
  out["leaderboard"] = interval_json(cell.score.normalised);
  for (const eval::SubtaskScore& subtask : cell.score.subtasks) {
    out["subtasks"][subtask.name] = {{"value", subtask.value}, {"rows", subtask.rows}};
  }
  for (const Change& change : cell.changes) {
    out["change"][change.metric] = interval_json(change.gain);
    out["change"][change.metric]["verdict"] = change.verdict;
  }
  return out;
}

// The mean of the six tasks' numbers for one contestant.
double average(const std::vector<EvalTable>& tables, std::size_t contestant) {
  double sum = 0;
  for (const EvalTable& table : tables) { sum += table.cells[contestant].score.normalised.mean; }
  return sum / static_cast<double>(tables.size());
}

}  // namespace

std::string eval_text(const std::vector<EvalTable>& tables) {
  const std::size_t width = name_width(tables);
  std::string out;
  for (const EvalTable& table : tables) {
    out += cat("\n", table.task->name, ": ", table.task->summary, ", ",
               thousands(table.cells.front().score.metrics.front().rows), " rows, 95 % intervals\n");
    for (const EvalCell& cell : table.cells) { append_cell(out, cell, table.cells.front(), width); }
  }
  if (tables.size() == eval::tasks().size()) {
    out += "\naverage of the six\n";
    for (std::size_t c = 0; c < tables.front().cells.size(); ++c) {
      out += cat("  ", padded(tables.front().cells[c].contestant, width), fixed(average(tables, c), 2), "\n");
    }
  }
  return out;
}

std::vector<report::EvalPageTable> eval_pages(const std::vector<EvalTable>& tables) {
  std::vector<report::EvalPageTable> pages;
  for (const EvalTable& table : tables) {
    report::EvalPageTable page{cat(table.task->name, ": ", table.task->summary),
                               {"model", "metric", "value [95 %]", "against the model [95 %]", ""},
                               {}};
    for (const EvalCell& cell : table.cells) {
      for (std::size_t m = 0; m < cell.score.metrics.size(); ++m) {
        const MetricScore& metric = cell.score.metrics[m];
        const Change* change = cell.changes.empty() ? nullptr : &cell.changes[m];
        page.rows.push_back(
            {cell.contestant, metric.metric, interval_text(metric.value, 4),
             change == nullptr ? ""
                               : cat(signed_number(change->gain.mean, 4), " ", bounds_text(change->gain, 4)),
             change == nullptr ? "" : change->verdict});
      }
    }
    pages.push_back(std::move(page));
  }
  return pages;
}

Json eval_json(const std::vector<EvalTable>& tables) {
  Json out = Json::object();
  for (const EvalTable& table : tables) {
    out[table.task->name] = {{"metric", table.task->metric}, {"models", Json::array()}};
    for (const EvalCell& cell : table.cells) { out[table.task->name]["models"].push_back(cell_json(cell)); }
  }
  return out;
}

}  // namespace una::study
