#include "una/data/drops.h"

#include <algorithm>
#include <tuple>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/json.h"

namespace una::data::detail {

std::map<std::string, std::int64_t> DropLog::by_reason() const {
  std::map<std::string, std::int64_t> counts;
  for (const Drop& drop : drops_) ++counts[drop.reason];
  return counts;
}

Where DropLog::first(const std::string& reason) const {
  const Where* found = nullptr;
  for (const Drop& drop : drops_) {
    const bool earlier =
        found == nullptr || std::tie(drop.where.file, drop.where.line) < std::tie(found->file, found->line);
    if (drop.reason == reason && earlier) found = &drop.where;
  }
  check(found != nullptr, "DropLog::first: no row was left out for that reason");
  return *found;
}

void DropLog::write(const std::string& path) const {
  if (path.empty()) return;
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
  write_file(path, text);
}

}  // namespace una::data::detail
