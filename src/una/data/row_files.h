#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Every row of the files in order, read on all cores. JSONL is split on "\n" only (strings may hold other
// separators); a file that begins with "[" is one JSON array; .csv and .tsv have a header line. All of them
// may be packed by gzip or zstd. Of the rows only those of dataset_train_split are kept. InputError names the
// first bad row.
// Names with weights are drawn from by mixture.h, told in `report`; a slice is then taken of each of them.
std::vector<ReadRow> read_files(const DataOptions& options, ReadReport& report);
std::vector<ReadRow> read_files(const DataOptions& options);  // for who does not tell

// One line; a bare NaN or Infinity (Python writes them) becomes null. InputError "file:line: ...".
Json parse_line(std::string_view line, const Where& where);

}  // namespace una::data::detail
