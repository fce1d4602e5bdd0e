#pragma once

#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/schema.h"

namespace una::data::detail {

// The rows of the files, counted by shape.
std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report);

// The same with mapped scores. InputError on answers that nobody scored, marked or ranked.
std::vector<ReadRow> read_mapped(const DataOptions& options, ReadReport& report);

}  // namespace una::data::detail
