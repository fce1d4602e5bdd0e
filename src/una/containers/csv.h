#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/containers/file_bytes.h"

namespace una::containers {

// One record of a CSV file.
struct CsvRow {
  std::vector<std::string> cells;  // as many as the header has
  std::int64_t line = 0;           // where it begins, from 1
};

// A CSV (or TSV) with a header line, a few rows at a time. Cells are text; quoted ones may hold line breaks
// and doubled quotes (RFC 4180). White space is part of a cell. Rows without any text, which spreadsheets leave
// behind, are passed over.
class CsvReader {
 public:
  // Reads the header, and before it Excel's line `sep=;`. `delimiter`: "auto" (of comma, semicolon, tab and bar the
  // one that makes known names of the header, else most columns), or one of them. InputError "file:line: ..." it
  // has no header, a column twice, what `next` says. `file` outlives this.
  CsvReader(FileBytes& file, const std::string& path, const std::string& delimiter);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  const std::vector<std::string>& header() const;
  char delimiter() const;
  // At most so many, fewer where they are long; none: the file ends. InputError on broken quotes, a row of another
  // length than the header, text that is not UTF-8, a NUL byte.
  std::vector<CsvRow> next(std::size_t most);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

// Rows as objects. What a cell is follows from its column (words/columns.h), each cell by itself: in columns of
// marks and numbers true and false (in any case) are bools and numbers are numbers; lists and objects are read as
// JSON where a column holds them; anything else is text (an answer may be "42"). An empty cell is null.
class CsvColumns {
 public:
  // `names` as the reader of rows will call them. `decimal_comma`: 4,5 is a number.
  CsvColumns(const std::vector<std::string>& header, const std::vector<std::string>& names,
             bool decimal_comma);
  Json object(const CsvRow& row) const;

 private:
  enum class Cell : std::uint8_t { kText, kValue, kJson };
  std::vector<std::string> header_;
  std::vector<Cell> cells_;
  bool decimal_comma_;
};

// --csv_delimiter as given -> one character, "auto" -> '\0'. InputError names the key.
char csv_delimiter(const std::string& name);

}  // namespace una::containers
