#include "una/report/console_row.h"

#include <array>
#include <cmath>

#include "una/base/format.h"

namespace una::report {
namespace {

using Values = std::map<std::string, double>;

constexpr double kNoLoss = 1e-9;  // what an on-policy loss comes to that is 0 by its making

// A number of the line: the first of its metrics that the row has.
struct Column {
  std::array<const char*, 2> metrics;  // without eval_; nullptr: no second one
  const char* label;
  int digits;        // significant ones
  bool online_only;  // shown only with a reward: elsewhere the name has another meaning
};
constexpr std::array<Column, 15> kColumns = {{
    {{"win_rate", nullptr}, "win rate", 3, false},
    {{"reward", "objective/scores"}, "reward", 4, false},
    {{"objective/kl", "kl"}, "KL", 3, true},
    {{"completions/mean_length", nullptr}, "length", 3, false},
    {{"completions/clipped_ratio", nullptr}, "clipped", 3, false},
    {{"loss", nullptr}, "loss", 4, false},
    {{"learning_rate", nullptr}, "lr", 3, false},
    {{"rewards/chosen", nullptr}, "chosen", 3, false},
    {{"rewards/rejected", nullptr}, "rejected", 3, false},
    {{"rewards/margins", nullptr}, "margins", 3, false},
    {{"rewards/accuracies", nullptr}, "accuracy", 3, false},
    {{"margin", nullptr}, "margin", 3, false},
    {{"accuracy", nullptr}, "accuracy", 3, false},
    {{"objective/scores", nullptr}, "score", 3, true},  // rewards after penalties and clip
    {{"grad_norm", nullptr}, "grad_norm", 3, false},
}};

const double* find(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

bool is_online(const Values& values, const std::string& prefix) {
  return find(values, prefix + "reward") != nullptr || find(values, prefix + "objective/kl") != nullptr;
}

// What a column shows of a row; nullptr: nothing.
const double* value_of(const Column& column, const Values& values, const std::string& prefix) {
  if (column.online_only && !is_online(values, prefix)) { return nullptr; }
  for (const char* metric : column.metrics) {
    const double* value = metric == nullptr ? nullptr : find(values, prefix + metric);
    if (value == nullptr) { continue; }
    const bool says_nothing = std::string(metric) == "loss" && std::abs(*value) < kNoLoss;
    return says_nothing && is_online(values, prefix) ? nullptr : value;
  }
  return nullptr;
}

std::string shown(double value, int digits) {
  return std::isfinite(value) ? significant(value, digits) : "not finite";
}

}  // namespace

std::string console_row(const StoredRow& stored) {
  const LogRow& row = stored.row;
  const bool eval = is_eval_row(row);
  std::string line = cat("step ", row.step, "/", stored.total_steps, "  epoch ", fixed(row.epoch, 2));
  if (eval) { line += "  eval:"; }
  for (const Column& column : kColumns) {
    const double* value = value_of(column, row.values, eval ? "eval_" : "");
    if (value != nullptr) { line += cat("  ", column.label, " ", shown(*value, column.digits)); }
  }
  if (const double* speed = find(row.values, "tokens_per_second")) {
    line += cat("  ", thousands(std::llround(*speed)), " tokens/s");
  }
  if (const double* share = find(row.values, "mfu")) { line += "  MFU " + shown(*share, 2); }
  if (stored.remaining > 0) { line += "  ETA " + human_seconds(stored.remaining); }
  return line;
}

std::string bar_note(std::int64_t step, std::int64_t total_steps, const Values& values) {
  std::string note = cat("step ", step, "/", total_steps);
  constexpr std::array<std::array<const char*, 2>, 6> kMain = {{{"reward", "reward"},
                                                                {"rewards/margins", "margin"},
                                                                {"accuracy", "accuracy"},
                                                                {"rewards/accuracies", "accuracy"},
                                                                {"objective/kl", "KL"},
                                                                {"loss", "loss"}}};
  for (const auto& [metric, label] : kMain) {
    const double* value = find(values, metric);
    if (value != nullptr) { return note + cat(", ", label, " ", shown(*value, 3)); }
  }
  return note;
}

}  // namespace una::report
