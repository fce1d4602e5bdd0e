#pragma once

#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/read_report.h"
#include "una/rows/schemas/schema.h"

namespace una::rows {

void count_shapes(const std::vector<ReadRow>& rows, ReadReport& report);  // rows_read and by_shape grow
void check_marked(
    const std::vector<ReadRow>& rows);  // InputError on answers that nobody scored, marked or ranked

// The rows of the files, counted by shape.
std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report);

// The same with mapped scores, all of them marked.
std::vector<ReadRow> read_mapped(const DataOptions& options, ReadReport& report);

}  // namespace una::rows
