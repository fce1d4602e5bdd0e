#include "una/data/drops.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/data/dataset.h"

namespace una::data::detail {

std::map<std::string, std::int64_t> DropLog::by_reason() const {
  std::map<std::string, std::int64_t> counts;
  for (const Drop& drop : drops_) ++counts[drop.reason];
  return counts;
}

std::string DropLog::text() const {
  std::vector<const Drop*> sorted;
  sorted.reserve(drops_.size());
  for (const Drop& drop : drops_) sorted.push_back(&drop);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Drop* a, const Drop* b) {
    return std::tie(a->where.file, a->where.line) < std::tie(b->where.file, b->where.line);
  });
  std::string text;
  for (const Drop* drop : sorted) {
    const Json row = {{"file", drop->where.file}, {"line", drop->where.line}, {"reason", drop->reason}};
    text += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return text;
}

void DropLog::write(const std::string& path) const {
  if (!path.empty()) write_file(path, text());
}

namespace {

std::string drop_table(const ReadReport& report) {
  std::string text;
  for (const auto& [reason, count] : report.dropped) text += cat("\n  ", thousands(count), "  ", reason);
  return text;
}

}  // namespace

void check_dropped(const ReadReport& report, double allowed, const std::string& dropped_path) {
  double dropped = 0;
  for (const auto& [reason, count] : report.dropped) dropped += static_cast<double>(count);
  const double all = static_cast<double>(report.rows_kept) + dropped;
  if (report.rows_kept > 0 && dropped / all <= allowed) return;
  const std::string where =
      dropped_path.empty() || dropped == 0 ? "" : cat("\nevery one is named in ", dropped_path);
  if (report.rows_kept == 0)
    throw InputError(cat("no row is left to use", dropped > 0 ? ":" : "", drop_table(report), where));
  throw InputError(cat(percent(dropped, all), " of the rows would be left out, more than allow_dropped = ",
                       allowed, ":", drop_table(report), where, "\nRaise the limit with --allow_dropped ",
                       fixed(std::ceil(dropped / all * 100 - 1e-9) / 100, 2),
                       ", or change --max_length, --overlong or the rows"));
}

}  // namespace una::data::detail
