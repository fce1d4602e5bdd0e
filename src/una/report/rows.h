#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "una/report/run_log.h"

namespace una::report {

// A row of metrics.jsonl: what was logged and how far the run was.
struct StoredRow {
  LogRow row;
  std::int64_t total_steps = 0;
  double elapsed = 0, remaining = 0;  // seconds
};

// One line, without its newline. Not-finite values become null and come back as NaN.
std::string print_row(const StoredRow& stored);

// A row of metrics.jsonl with its line of text.
struct StoredLine {
  StoredRow stored;
  std::string line;
};

// The rows of metrics.jsonl's text. A torn last line (the process was killed) is left out; any other bad line
// is an InputError naming `what` and the line.
std::vector<StoredLine> read_rows(std::string_view text, const std::string& what);

// Eval rows hold names with "eval_" (or "test_") only.
bool is_eval_name(const std::string& name);
bool is_eval_row(const LogRow& row);

}  // namespace una::report
