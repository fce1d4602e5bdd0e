#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/base/files/journal.h"
#include "una/recipe/label/label_rows.h"

namespace una::recipe {

// The work of an unfinished labelling, row by row in a journal. Not thread-safe.
class LabelJournal {
 public:
  // Continues with what `path` holds. `identity`: of rewards and data; InputError when the file has another one.
  // Rows with a missing score and torn lines are judged again.
  LabelJournal(const std::string& path, const std::string& identity, const std::vector<Example>& rows);

  const std::vector<std::optional<Labels>>& done() const { return done_; }  // by row
  const Labels& labels(std::size_t row) const;                              // of a row that is done
  std::size_t taken_up() const { return taken_up_; }  // rows that an earlier run has done
  bool is_empty() const;                              // no row is done
  void add(std::size_t row, Labels labels);           // to the file, at once
  void keep() { file_.keep_if(!is_empty()); }         // after an error
  void remove() { file_.remove(); }                   // deletes the file: its work is written elsewhere

 private:
  Journal file_;
  std::vector<std::optional<Labels>> done_;
  std::size_t taken_up_ = 0;
};

}  // namespace una::recipe
