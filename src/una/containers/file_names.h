#pragma once

#include <string>
#include <vector>

namespace una::containers {

// Files of rows by their names: a file, a shell pattern (data/*.jsonl.gz, in the order of the names), or a folder, which means
// its .jsonl, .json, .csv and .tsv files, packed or not. InputError where nothing is found.
std::vector<std::string> expand_names(const std::vector<std::string>& names);

}  // namespace una::containers
