#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/rows/files/row_files.h"

namespace una::eval {

// The folder of --data for `una eval`: files of rows by their name without ending (.jsonl, .json, .csv, .tsv, also packed,
// or .parquet). All reading functions throw InputError.
class TaskFiles {
 public:
  // `limit`: rows of each file of questions; 0: all. Not of examples.
  TaskFiles(std::string folder, std::int64_t limit) : folder_(std::move(folder)), limit_(limit) {}

  const std::string& folder() const { return folder_; }
  bool has(const std::string& stem) const { return find(stem).has_value(); }
  std::vector<std::string> stems_with(const std::string& prefix) const;  // sorted
  std::vector<rows::JsonRow> questions(const std::string& stem) const;   // at most `limit`
  std::vector<rows::JsonRow> all(const std::string& stem) const;
  std::int64_t limit() const { return limit_; }

 private:
  std::optional<std::string> find(const std::string& stem) const;
  std::vector<rows::JsonRow> read(const std::string& stem, std::int64_t most) const;

  std::string folder_;
  std::int64_t limit_;
};

// A member of a row: InputError "file:line: ..." where it is absent or of another type.
std::string text_field(const rows::JsonRow& row, const char* name);
std::int64_t integer_field(const rows::JsonRow& row,
                           const char* name);  // also an integral double or a text of digits
// A list of strings, or one written as Python does in a string: "['a', 'b']".
std::vector<std::string> list_field(const rows::JsonRow& row, const char* name);

}  // namespace una::eval
