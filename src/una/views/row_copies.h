#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/rows/data_options.h"

namespace una::views {

// --copy_row: rows as they are in their files, in addition to what was found out about them. All of their text is in memory.
class RowCopies {
 public:
  RowCopies() = default;  // holds none, and adds none
  explicit RowCopies(const rows::DataOptions& options);

  // Member "input": the row at `where`.
  void add_to(Json& line, const Where& where) const;

 private:
  std::map<std::pair<std::string, std::int64_t>, std::string> rows_;  // file and line -> JSON
};

}  // namespace una::views
