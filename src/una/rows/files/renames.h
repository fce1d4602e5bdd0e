#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"

namespace una::rows {

// --columns ours=theirs,...: members that get another name before a row is recognised. `theirs` may be a path into
// objects and lists: data.rating, turns.0.text (-1: the last element).
class Renames {
 public:
  explicit Renames(const std::vector<std::string>& columns);  // InputError: not ours=theirs

  // Gives the members their names, all at once (chosen=rejected,rejected=chosen exchanges them); from any thread.
  void apply(Json& row) const;
  // What a column of a table will be called: ours where there is a renaming for it.
  std::string of_column(const std::string& name) const;
  // InputError naming the first renaming that no row had a use for; `fields`: those of some row.
  void check_used(const std::string& fields) const;
  bool empty() const { return renames_.empty(); }

 private:
  // One entry of --columns.
  struct Rename {
    std::string ours, theirs;
    std::vector<std::string> path;  // of theirs
  };
  std::vector<Rename> renames_;
  std::unique_ptr<std::atomic<bool>[]> used_;  // one a renaming
};

}  // namespace una::rows
