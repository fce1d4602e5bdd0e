#include "una/views/row_copies.h"

#include <limits>
#include <vector>

#include "una/base/json_line.h"
#include "una/rows/files/row_files.h"
#include "una/rows/files/sources.h"

namespace una::views {

RowCopies::RowCopies(const rows::DataOptions& options) {
  for (const rows::DataSource& source : rows::find_sources(options)) {
    for (const std::string& file : source.files) {
      rows::read_plain_rows(
          file, std::numeric_limits<std::int64_t>::max(),
          [&](const std::vector<rows::JsonRow>& some, double) {
            for (const rows::JsonRow& row : some) {
              rows_.emplace(std::pair(row.where.file, row.where.line), json_line(row.json));
            }
          },
          options);
    }
  }
}

void RowCopies::add_to(Json& line, const Where& where) const {
  const auto found = rows_.find({where.file, where.line});
  if (found != rows_.end()) { line["input"] = Json::parse(found->second); }
}

}  // namespace una::views
