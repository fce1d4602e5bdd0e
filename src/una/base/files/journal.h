#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/append_file.h"
#include "una/base/json.h"

namespace una {

// What an unfinished command has done: lines of JSON in a file that only grows, so that a kill or a full disk loses at
// most what is under way and the same command goes on from there. The first line holds the identity of the work, the
// hash of all that decides its result. Not thread-safe; one process writes (OutputFile locks the output).
class Journal {
 public:
  struct Kind {
    std::string member;    // of the first line: "una_label"
    std::string mismatch;  // follows the path in the InputError for a file of other work
  };
  // The kind of a command that finishes its work in another file. `difference`: what other work has, "another model or
  // other rows".
  static Kind unfinished_work(const std::string& member, const std::string& difference);

  // Goes on with what `path` holds; a torn last line is cut off. A file that a kill or a full disk left empty, or torn
  // within its first line, holds no work: it is started again. InputError for another identity, for a file that is not a
  // journal of this kind and for one that cannot be read.
  Journal(std::string path, const Kind& kind, const std::string& identity);

  // Visits the lines after the first in order, with the place for `at`; what is not JSON counts as not written.
  void read(const std::function<void(const Json& line, std::int64_t place)>& visit) const;
  Json at(std::int64_t place) const;
  std::int64_t add(const Json& line);  // to the file, at once; its place
  bool is_empty() const { return size_ == head_size_; }
  void remove();  // deletes the file: its work is written elsewhere
  // After an error: the file stays where it `holds_work`, and the log says so; else it is removed.
  void keep_if(bool holds_work);
  std::string kept_text() const;  // that sentence
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::int64_t head_size_ = 0, size_ = 0;  // bytes of the first line and of the file
  std::unique_ptr<AppendFile> file_;
};

}  // namespace una
