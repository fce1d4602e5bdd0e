#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/json.h"

namespace una::data::detail {

// A CSV (or TSV) with a header line. Cells are text; quoted ones may hold line breaks and doubled quotes (RFC
// 4180). White space is part of a cell.
struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // each as long as the header
  std::vector<std::int64_t> lines;             // where each row begins, from 1
};

// InputError "file:line: ..." on broken quotes, a row of another length than the header, no header.
CsvTable parse_csv(std::string_view bytes, const std::string& path, char delimiter);

// Each row as an object. A column is boolean (true, True, TRUE, ...) or a number when all its cells are,
// unless it is one of the columns that hold text (prompt, completion, chosen, ...: an answer may be "42");
// cells that are all JSON lists of objects are chat turns. An empty cell is null.
std::vector<Json> csv_objects(const CsvTable& table);

}  // namespace una::data::detail
