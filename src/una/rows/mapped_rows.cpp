#include "una/rows/mapped_rows.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/scores/scores.h"

namespace una::rows {

void count_shapes(const std::vector<ReadRow>& rows, ReadReport& report) {
  report.rows_read += std::ssize(rows);
  for (const ReadRow& row : rows) {
    ++report.by_shape[row.shape];
    if (row.turns_behind > 0) { report.unused["turns behind the last answer"] += row.turns_behind; }
  }
}

void check_marked(const std::vector<ReadRow>& rows) {
  for (const ReadRow& row : rows) {
    check_input(!row.unmarked, row.example.where.text(),
                ": field \"responses[0]\" must have exactly one of score, label and rank "
                "(una label gives answers their scores)");
  }
}

std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report) {
  std::vector<ReadRow> rows = read_files(options, report);
  count_shapes(rows, report);
  return rows;
}

std::vector<ReadRow> read_mapped(const DataOptions& options, ReadReport& report) {
  std::vector<ReadRow> rows = read_counted(options, report);
  check_marked(rows);
  map_scores(rows, options, report);
  return rows;
}

}  // namespace una::rows
