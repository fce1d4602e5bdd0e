#include "una/report/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::report {
namespace {

// Beside the logged values: LLaMA-Factory's trainer_log.jsonl names.
constexpr std::array<std::string_view, 9> kBookkeeping = {"step",           "epoch",      "current_steps",
                                                          "total_steps",    "percentage", "elapsed_time",
                                                          "remaining_time", "throughput", "total_tokens"};

bool is_bookkeeping(std::string_view name) {
  return std::find(kBookkeeping.begin(), kBookkeeping.end(), name) != kBookkeeping.end();
}

double rounded(double value, double steps) {
  return std::isfinite(value) ? std::round(value * steps) / steps : 0;
}

StoredRow row_of(const Json& json, const std::string& where) {
  check_input(json.is_object(), where + ": a JSON object is needed");
  StoredRow stored;
  stored.row.step = integer_member(json, "step", -1, where);
  check_input(stored.row.step >= 0, where + ": \"step\" is missing");
  stored.row.epoch = number_member(json, "epoch", 0, where);
  stored.total_steps = integer_member(json, "total_steps", 0, where);
  stored.elapsed = number_member(json, "elapsed_time", 0, where);
  stored.remaining = number_member(json, "remaining_time", 0, where);
  for (const auto& [name, value] : json.items()) {
    if (is_bookkeeping(name)) { continue; }
    if (value.is_number()) { stored.row.values[name] = value.get<double>(); }
    if (value.is_null()) { stored.row.values[name] = std::numeric_limits<double>::quiet_NaN(); }
  }
  return stored;
}

}  // namespace

std::string print_row(const StoredRow& stored) {
  const LogRow& row = stored.row;
  Json json = {{"step", row.step}, {"epoch", row.epoch}};
  for (const auto& [name, value] : row.values) {
    check(!is_bookkeeping(name), "a logged value has a name that rows use themselves");
    json[name] = std::isfinite(value) ? Json(value) : Json();
  }
  json["current_steps"] = row.step;
  json["total_steps"] = stored.total_steps;
  const auto total = static_cast<double>(std::max<std::int64_t>(1, stored.total_steps));
  json["percentage"] = rounded(100 * static_cast<double>(row.step) / total, 100);
  json["elapsed_time"] = rounded(stored.elapsed, 1000);
  json["remaining_time"] = rounded(stored.remaining, 1000);
  const auto copy = [&](const char* from, const char* to) {
    const auto found = row.values.find(from);
    if (found != row.values.end() && std::isfinite(found->second)) { json[to] = found->second; }
  };
  copy("tokens_per_second", "throughput");
  copy("num_tokens", "total_tokens");
  return json.dump();
}

std::vector<StoredLine> read_rows(std::string_view text, const std::string& what) {
  std::vector<StoredLine> rows;
  std::int64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const bool last = end == std::string_view::npos;
    text.remove_prefix(last ? text.size() : end + 1);
    ++number;
    if (trim(line).empty()) { continue; }
    try {
      const std::string where = cat(what, ":", number);
      rows.push_back({.stored = row_of(parse_json(line, where), where), .line = std::string(line)});
    } catch (const InputError&) {
      if (!text.empty()) {
        throw;  // only the last line may be torn
      }
    }
  }
  return rows;
}

bool is_eval_name(const std::string& name) {
  return starts_with(name, "eval_") || starts_with(name, "test_");
}

bool is_eval_row(const LogRow& row) {
  return !row.values.empty() && std::all_of(row.values.begin(), row.values.end(),
                                            [](const auto& entry) { return is_eval_name(entry.first); });
}

}  // namespace una::report
