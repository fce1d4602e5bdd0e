#pragma once

#include <string>
#include <vector>

namespace una::rows {

// Files of rows by their names. A name may be a file, a pattern of the shell (data/*.jsonl.gz: the files that
// fit, in the order of their names) or a folder, which stands for its .jsonl, .json, .csv and .tsv files,
// packed or not. InputError where nothing is found.
std::vector<std::string> expand_names(const std::vector<std::string>& names);

}  // namespace una::rows
