#pragma once

#include <string>
#include <vector>

#include "una/core/example.h"
#include "una/rows/data_options.h"
#include "una/rows/read_report.h"

namespace una::views {

// Only the reading half: rows of the file as examples, before tokenising. For `una preview`, `convert`,
// `generate`.
std::vector<Example> read_examples(const rows::DataOptions& options, rows::ReadReport& report,
                                   const std::string& dropped_path);

// The same for those who want prompts alone: a conversation that ends with a turn of the user or of a tool is a prompt as a
// whole, not the answered question before it.
std::vector<Example> read_prompts(rows::DataOptions options, rows::ReadReport& report);

// Rows whose answers wait for labels: `responses` of plain strings are read too, and fields next to
// the answers (scores, labels, which one was chosen) are ignored. Only empty answers, rows without any and
// what no shape can make sense of leave.
std::vector<Example> read_answers(const rows::DataOptions& options, rows::ReadReport& report);

}  // namespace una::views
