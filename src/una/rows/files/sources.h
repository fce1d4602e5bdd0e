#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/files/dataset_info.h"

namespace una::rows {

// One name of --data: the files that it means and its share in a mixture.
struct DataSource {
  std::string name;              // without the weight
  std::optional<double> weight;  // "rows.jsonl:0.7"
  std::vector<std::string> files;
  std::optional<DatasetEntry> entry;  // how dataset_info.json describes the rows
};

// The names of --data. A name that exists as it is written is a file or a folder, also with a colon in it;
// else a number behind the last colon is a weight. With dataset_dir a name is an entry of its
// dataset_info.json. InputError: nothing found, a weight that is not a number
// above 0, or weights on some of the names only.
std::vector<DataSource> find_sources(const DataOptions& options);

// Total size of the files as stored, in bytes; a file that cannot be examined counts as 0.
std::uint64_t bytes_of(const std::vector<std::string>& files);

}  // namespace una::rows
