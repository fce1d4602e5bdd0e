#include "una/data/mapped_rows.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/data/row_files.h"
#include "una/data/scores.h"

namespace una::data::detail {

std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report) {
  std::vector<ReadRow> rows = read_files(options, report);
  report.rows_read = std::ssize(rows);
  for (const ReadRow& row : rows) ++report.by_shape[row.shape];
  return rows;
}

std::vector<ReadRow> read_mapped(const DataOptions& options, ReadReport& report) {
  std::vector<ReadRow> rows = read_counted(options, report);
  for (const ReadRow& row : rows) {
    check_input(!row.unmarked, cat(row.example.where.text(),
                                   ": field \"responses[0]\" must have exactly one of score, label and rank "
                                   "(una label gives answers their scores)"));
  }
  map_scores(rows, options, report);
  return rows;
}

}  // namespace una::data::detail
