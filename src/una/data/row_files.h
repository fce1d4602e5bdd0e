#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/data/data_options.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Every row of the files in order, read on all cores. JSONL is split on "\n" only (strings may hold other
// separators); a file that begins with "[" is one JSON array. InputError names the first bad row.
std::vector<ReadRow> read_files(const DataOptions& options);

// A folder stands for its .jsonl and .json files in the order of their names.
std::vector<std::string> expand_names(const std::vector<std::string>& names);

// One line; a bare NaN or Infinity (Python writes them) becomes null. InputError "file:line: ...".
Json parse_line(std::string_view line, const Where& where);

}  // namespace una::data::detail
