#pragma once

#include <string>
#include <vector>

#include "una/rows/data_options.h"

namespace una::rows {

// Every file that reading with these options opens: rows (patterns and folders resolved), dataset_info.json, the
// chat template, the score fit. InputError as in reading: nothing found.
std::vector<std::string> input_files(const DataOptions& options);

}  // namespace una::rows
