#include "una/views/read_examples.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "una/rows/drops.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/schemas/schema.h"
#include "una/views/mapped_rows.h"
#include "una/views/views.h"

namespace una::views {
namespace {

std::vector<Example> read_and_derive(const rows::DataOptions& options, rows::ReadReport& report,
                                     rows::DropLog& drops) {
  std::vector<rows::ReadRow> rows = read_mapped(options, report);
  remove_degenerate(rows, drops);
  return derive_views(std::move(rows), options, report, drops);
}

// Takes empty answers out; true when one is left (or none was asked for).
bool keep_answers(rows::ReadRow& row, rows::DropLog& drops) {
  std::vector<Response>& responses = row.example.responses;
  if (row.drop.empty() && !responses.empty()) {
    const auto blank = [](const Response& response) { return rows::is_blank(response.text); };
    const auto lost = static_cast<std::int64_t>(std::erase_if(responses, blank));
    for (std::int64_t i = 0; i < lost; ++i) { drops.add(row.example.where, rows::kEmptyAnswer); }
    return !responses.empty();
  }
  if (!row.drop.empty()) { drops.add(row.example.where, row.drop); }
  return row.drop.empty();
}

}  // namespace

std::vector<Example> read_examples(const rows::DataOptions& options, rows::ReadReport& report,
                                   const std::string& dropped_path) {
  rows::check_options(options);
  rows::DropLog drops;
  std::vector<Example> examples = read_and_derive(options, report, drops);
  report.rows_kept = std::ssize(examples);
  report.by_unit.clear();
  for (const Example& example : examples) { ++report.by_unit[unit_name(example.unit)]; }
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  return examples;
}

std::vector<Example> read_prompts(rows::DataOptions options, rows::ReadReport& report) {
  options.prompts_only = true;
  return read_examples(options, report, "");
}

std::vector<Example> read_answers(const rows::DataOptions& options, rows::ReadReport& report) {
  rows::check_options(options);
  rows::DropLog drops;
  std::vector<Example> examples;
  for (rows::ReadRow& row : rows::read_counted(options, report)) {
    if (keep_answers(row, drops)) { examples.push_back(std::move(row.example)); }
  }
  report.rows_kept = std::ssize(examples);
  report.dropped = drops.by_reason();
  return examples;
}

}  // namespace una::views
