#include "una/rows/read_examples.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "una/rows/drops.h"
#include "una/rows/mapped_rows.h"
#include "una/rows/schemas/schema.h"
#include "una/rows/views.h"

namespace una::rows {
namespace {

std::vector<Example> read_and_derive(const DataOptions& options, ReadReport& report, DropLog& drops) {
  std::vector<ReadRow> rows = read_mapped(options, report);
  remove_degenerate(rows, drops);
  return derive_views(std::move(rows), options, report, drops);
}

// Takes empty answers out; true when one is left (or none was asked for).
bool keep_answers(ReadRow& row, DropLog& drops) {
  std::vector<Response>& responses = row.example.responses;
  if (row.drop.empty() && !responses.empty()) {
    const auto blank = [](const Response& response) { return is_blank(response.text); };
    const auto lost = static_cast<std::int64_t>(std::erase_if(responses, blank));
    for (std::int64_t i = 0; i < lost; ++i) { drops.add(row.example.where, kEmptyAnswer); }
    return !responses.empty();
  }
  if (!row.drop.empty()) { drops.add(row.example.where, row.drop); }
  return row.drop.empty();
}

}  // namespace

std::vector<Example> read_examples(const DataOptions& options, ReadReport& report,
                                   const std::string& dropped_path) {
  check_options(options);
  DropLog drops;
  std::vector<Example> examples = read_and_derive(options, report, drops);
  report.rows_kept = std::ssize(examples);
  report.by_unit.clear();
  for (const Example& example : examples) { ++report.by_unit[unit_name(example.unit)]; }
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  return examples;
}

std::vector<Example> read_answers(const DataOptions& options, ReadReport& report) {
  check_options(options);
  DropLog drops;
  std::vector<Example> examples;
  for (ReadRow& row : read_counted(options, report)) {
    if (keep_answers(row, drops)) { examples.push_back(std::move(row.example)); }
  }
  report.rows_kept = std::ssize(examples);
  report.dropped = drops.by_reason();
  return examples;
}

}  // namespace una::rows
