#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/base/append_file.h"
#include "una/recipe/label_rows.h"

namespace una::recipe {

// The work of an unfinished labelling, row by row in a file that only grows, so that a kill loses at most the
// rows under way. The first line says which rewards and data it belongs to.
class LabelJournal {
 public:
  // Takes up what `path` holds. `identity`: of rewards and data; InputError when the file has another one.
  // Rows with a missing score, and a torn last line, are not taken up: they are judged again.
  LabelJournal(std::string path, const std::string& identity, const std::vector<Example>& rows);

  const std::vector<std::optional<Labels>>& done() const { return done_; }
  const Labels& labels(std::size_t row) const;  // of a row that is done
  std::size_t taken_up() const { return taken_up_; }
  bool is_empty() const;
  void add(std::size_t row, Labels labels);
  void remove();  // the work is written elsewhere

 private:
  void read(const std::string& identity, const std::vector<Example>& rows);

  std::string path_;
  std::vector<std::optional<Labels>> done_;
  std::size_t taken_up_ = 0;
  std::unique_ptr<AppendFile> file_;
};

}  // namespace una::recipe
