#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/files/journal.h"
#include "una/base/json.h"
#include "una/eval/tasks/item.h"

namespace una::eval {

// A row's result: what went into its file.
struct RowResult {
  std::vector<MetricPart> parts;
};

// The results of one policy on one task, row by row in a journal: a stopped evaluation goes on where it was. Not
// thread-safe.
class RowJournal {
 public:
  // Goes on with what `path` holds. `identity`: of the model and of what else decides a result. InputError when the file
  // is of another evaluation. Torn lines count as not done.
  RowJournal(const std::string& path, const std::string& identity);

  // The result of a row that was done; nullptr: it is to do. InputError when the file's row had another text.
  const RowResult* find(const std::string& subtask, const Item& item) const;
  // Appends at once. `details` are further members of the line.
  void add(const std::string& subtask, const Item& item, const Json& details, RowResult result);
  const std::string& path() const { return file_.path(); }

 private:
  // A row that is done: the hash of its prompt and its result.
  struct Entry {
    std::string hash;
    RowResult result;
  };

  Journal file_;
  std::map<std::pair<std::string, std::int64_t>, Entry> done_;  // by subtask and row
};

}  // namespace una::eval
