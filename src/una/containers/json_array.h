#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "una/containers/file_bytes.h"

namespace una::containers {

// The elements of a file that is one JSON array, as text, a few at a time: their borders are found without
// parsing them.
class ArrayCursor {
 public:
  // `file` outlives this; its text begins with white space and "[".
  ArrayCursor(FileBytes& file, std::string path) : file_(file), path_(std::move(path)) {}

  // At most so many, fewer where they are long, valid until the next call; none: the array has ended, and the file with
  // it. InputError where the text is not an array, or an element or the space before it is longer than the limit; the text
  // between two borders is not checked to be JSON.
  std::vector<std::string_view> next(std::size_t most);
  double done() const { return file_.done(used_); }  // which share of the file, with these elements

 private:
  char peek();  // at used_; "\0": the file ends
  char after_space();
  void pass();  // one byte
  void open();
  void pass_string();
  void pass_element();
  [[noreturn]] void fail() const;

  FileBytes& file_;
  std::string path_;
  std::size_t used_ = 0, begin_ = 0;  // of file_.bytes(); where the element or the space before it begins
  std::int64_t number_ = 0;           // of the element, from 1
  bool open_ = false, ended_ = false;
};

}  // namespace una::containers
