#include "una/rows/drops.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/rows/read_report.h"

namespace una::rows {

std::map<std::string, std::int64_t> DropLog::by_reason() const {
  std::map<std::string, std::int64_t> counts;
  for (const Drop& drop : drops_) { ++counts[drop.reason]; }
  return counts;
}

std::string DropLog::text() const {
  std::vector<const Drop*> sorted;
  sorted.reserve(drops_.size());
  for (const Drop& drop : drops_) { sorted.push_back(&drop); }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Drop* a, const Drop* b) {
    return std::tie(a->where.file, a->where.line) < std::tie(b->where.file, b->where.line);
  });
  std::string text;
  for (const Drop* drop : sorted) {
    const Json row = {{"file", drop->where.file}, {"line", drop->where.line}, {"reason", drop->reason}};
    text += json_line(row);
  }
  return text;
}

void DropLog::write(const std::string& path) const {
  if (!path.empty()) { write_file(path, text()); }
}

namespace {

// "rows.jsonl:17" of each reason, from the text of a DropLog.
std::map<std::string, std::string> first_places(const std::string& dropped) {
  std::map<std::string, std::string> places;
  for (const std::string& line : split(dropped, '\n')) {
    if (line.empty()) { continue; }
    const Json row = parse_json(line, "the rows left out");
    const Where where{row.at("file").get<std::string>(), row.at("line").get<std::int64_t>()};
    places.try_emplace(row.at("reason").get<std::string>(), where.text());
  }
  return places;
}

std::string drop_table(const ReadReport& report, const std::string& dropped) {
  std::map<std::string, std::string> places = first_places(dropped);
  std::string text;
  for (const auto& [reason, count] : report.dropped) {
    text += cat("\n  ", thousands(count), "  ", reason);
    if (places.contains(reason)) { text += cat(", the first in ", places[reason]); }
  }
  return text;
}

// What became of the rows that no reason of a DropLog covers.
std::string other_table(const ReadReport& report) {
  std::string text;
  for (const auto& [what, count] : report.ties) {
    text += cat("\n  ", thousands(count), "  without a preference: ", what);
  }
  for (const auto& [what, count] : report.unused) {
    text += cat("\n  ", thousands(count), "  not used: ", what);
  }
  return text;
}

}  // namespace

void check_dropped(const ReadReport& report, const std::string& dropped, double allowed) {
  double count = 0;
  for (const auto& [reason, rows] : report.dropped) { count += static_cast<double>(rows); }
  const double all = static_cast<double>(report.rows_kept) + count;
  if (report.rows_kept > 0 && count / all <= allowed) { return; }
  const std::string table = drop_table(report, dropped);
  if (report.rows_kept == 0) {
    const std::string why = table + other_table(report);
    throw InputError(cat("no row is left to use", why.empty() ? "" : ":", why));
  }
  throw InputError(cat(
      percent(count, all), " of the rows would be left out, more than allow_dropped = ", allowed, ":", table,
      "\nRaise the limit with --allow_dropped ", fixed(std::ceil(count / all * 100 - 1e-9) / 100, 2),
      ", or change --max_length, --overlong or the rows"));
}

}  // namespace una::rows
