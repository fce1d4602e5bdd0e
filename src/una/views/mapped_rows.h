#pragma once

#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/read_report.h"
#include "una/rows/schemas/schema.h"

namespace una::views {

// InputError on answers without score, label or rank.
void check_marked(const std::vector<rows::ReadRow>& rows);

// The rows of the files, counted by shape, with mapped scores, all of them marked.
std::vector<rows::ReadRow> read_mapped(const rows::DataOptions& options, rows::ReadReport& report);

}  // namespace una::views
