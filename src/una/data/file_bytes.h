#pragma once

#include <string>
#include <string_view>

#include "una/base/files.h"

namespace una::data::detail {

// A file as its reader wants it: gzip and zstd data, known by their first bytes, are unpacked into memory;
// anything else is mapped as it is; a byte order mark is left out. InputError names the file and the byte
// where packed data are damaged or cut short.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path);
  std::string_view bytes() const { return bytes_; }
  void release_pages() const { file_.release_pages(); }  // of what was read; they come back when touched

 private:
  MappedFile file_;
  std::string unpacked_;
  std::string_view bytes_;
};

// "dir/a.jsonl.gz" -> "a.jsonl"; the endings of packed files are .gz and .zst.
std::string unpacked_name(const std::string& path);

}  // namespace una::data::detail
