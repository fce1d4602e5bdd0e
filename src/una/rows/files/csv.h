#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/rows/files/file_bytes.h"

namespace una::rows {

struct CsvRow {
  std::vector<std::string> cells;  // as many as the header has
  std::int64_t line = 0;           // where it begins, from 1
};

// A CSV (or TSV) with a header line, a few rows at a time. Cells are text; quoted ones may hold line breaks
// and doubled quotes (RFC 4180). White space is part of a cell.
class CsvReader {
 public:
  // Reads the header. InputError "file:line: ..." there is none, a column twice, what `next` says. `file`
  // outlives this.
  CsvReader(FileBytes& file, const std::string& path, char delimiter, RowLimit limit = {});
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  const std::vector<std::string>& header() const;
  // At most so many, fewer where they are long; none: the file ends. InputError on broken quotes, a row of another length than the
  // header, text that is not UTF-8.
  std::vector<CsvRow> next(std::size_t most);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

// Rows as objects. A column is boolean (true, True, TRUE, ...) or a number when all its cells are, unless it
// is one of the columns that hold text (prompt, completion, chosen, ...: an answer may be "42"); cells that
// are all JSON lists of objects are chat turns. An empty cell is null.
class CsvColumns {
 public:
  explicit CsvColumns(std::vector<std::string> names);
  void see(const CsvRow& row);  // each row of the file, before the first `object`
  Json object(const CsvRow& row) const;

 private:
  using ReadCell = Json (*)(const std::string&);
  std::vector<std::string> names_;
  std::vector<std::vector<ReadCell>>
      readings_;  // of each column: those that its cells have passed, best first
};

}  // namespace una::rows
