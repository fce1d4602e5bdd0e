#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/files/append_file.h"
#include "una/base/json.h"
#include "una/eval/tasks/item.h"

namespace una::eval {

// A row's result: what went into its file.
struct RowResult {
  std::vector<MetricPart> parts;
};

// The results of one policy on one task, row by row in a JSONL file that only grows: a stopped evaluation goes on where
// it was, and a kill loses at most the rows under way. Not thread-safe.
class RowJournal {
 public:
  // Goes on with what `path` holds. `identity`: of the model and of what else decides a result. InputError when the file
  // is of another evaluation. Torn lines count as not done.
  RowJournal(std::string path, const std::string& identity);

  // The result of a row that was done; nullptr: it is to do. InputError when the file's row had another text.
  const RowResult* find(const std::string& subtask, const Item& item) const;
  // Appends at once. `details` are further members of the line.
  void add(const std::string& subtask, const Item& item, const Json& details, RowResult result);
  const std::string& path() const { return path_; }

 private:
  // A row that is done: the hash of its prompt and its result.
  struct Entry {
    std::string hash;
    RowResult result;
  };
  void read(const std::string& text, const std::string& identity);

  std::string path_;
  std::map<std::pair<std::string, std::int64_t>, Entry> done_;  // by subtask and row
  std::unique_ptr<AppendFile> file_;
};

}  // namespace una::eval
