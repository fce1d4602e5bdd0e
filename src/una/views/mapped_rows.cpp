#include "una/views/mapped_rows.h"

#include "una/base/error.h"
#include "una/rows/files/row_feed.h"
#include "una/views/scores/scores.h"

namespace una::views {

void check_marked(const std::vector<rows::ReadRow>& rows) {
  for (const rows::ReadRow& row : rows) {
    check_input(!row.unmarked, row.example.where.text(),
                ": field \"responses[0]\" must have exactly one of score, label and rank "
                "(una label gives answers their scores)");
  }
}

std::vector<rows::ReadRow> read_mapped(const rows::DataOptions& options, rows::ReadReport& report) {
  std::vector<rows::ReadRow> rows = rows::read_counted(options, report);
  check_marked(rows);
  map_scores(rows, options, report);
  return rows;
}

}  // namespace una::views
