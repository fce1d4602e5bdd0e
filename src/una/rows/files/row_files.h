#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/files/dataset_info.h"
#include "una/rows/files/renames.h"
#include "una/rows/schemas/schema.h"

namespace una::rows {

// Some rows in the order of the file, and which share of it (0..1) is read with them.
using TakeRows = std::function<void(std::vector<ReadRow> rows, double done)>;

// What one pass over all files keeps between them.
struct ReadPass {
  Renames renames;
  std::string fields;  // of the first row, before it is renamed; noted where there are renames
};

// The first `most` rows of a file, read on all cores and handed on a thousand at a time. JSONL is split on
// "\n" only (strings may hold other separators); a file that begins with "[" is one JSON array; .csv and .tsv
// have a header line; Parquet is read by batches. All but Parquet may be packed by gzip or
// zstd. No file is in memory as a whole, but for a broken JSON array. InputError names the first bad row.
void read_file_rows(const std::string& path, const DatasetEntry* entry, const DataOptions& options,
                    std::int64_t most, ReadPass& pass, const TakeRows& take);

// A row as it is in its file; an object in most of them.
struct JsonRow {
  Json json;
  Where where;
};
using TakePlainRows = std::function<void(std::vector<JsonRow> rows, double done)>;

// The same files, without a look at what the rows mean. Of `options` only what concerns files is used.
void read_plain_rows(const std::string& path, std::int64_t most, const TakePlainRows& take,
                     const DataOptions& options = {});

// One line; a bare NaN or Infinity (Python writes them) becomes null. InputError "file:line: ...".
Json parse_line(std::string_view line, const Where& where);

}  // namespace una::rows
