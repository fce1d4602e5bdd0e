#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "una/base/files/files.h"

namespace una::containers {

constexpr std::size_t kRowBytes = std::size_t{256} << 20;  // of one row in its file
// Rows are handed on before there are a thousand of them, when they hold so many bytes: parsed, they take up to thirty
// times as much.
constexpr std::size_t kChunkBytes = std::size_t{16} << 20;

class Unpacker;

// A file as its reader wants it, from the front to the back: gzip and zstd data, known by their first bytes,
// are unpacked a block at a time; anything else is mapped as it is; a byte order mark is left out. InputError
// names the file and the byte where packed data are damaged or cut short.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path, std::size_t row_bytes = kRowBytes);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  // What is there and not skipped yet: the first block, or all of a file that is not packed. Valid until the
  // next call of a function that is not const.
  std::string_view bytes() const { return bytes_; }
  bool more();                   // unpacks a block behind it; false: the file ends with it
  void skip(std::size_t count);  // bytes at the front that are read
  std::string_view all();        // everything to the end at once
  // Reads on, 4 GB at most, and keeps nothing: damage that only a checksum at the end shows.
  void check_rest();

  // One past the "\n" of the line that begins at bytes()[from]; its end where no "\n" follows in the file. Of a line
  // longer than `row_bytes` no more is unpacked: from + row_bytes + 1.
  std::size_t line_end(std::size_t from);
  // InputError where `size` is more than `row_bytes`: of the row that begins in line `row` (or element, from 1).
  void check_row(std::size_t size, std::int64_t row) const {
    if (size > row_bytes_) { refuse_row(row); }
  }
  double done(std::size_t ahead) const;  // which share of the file (0..1) is read with so many of bytes()

 private:
  [[noreturn]] void refuse_row(std::int64_t row) const;

  std::string path_;
  std::size_t row_bytes_;
  MappedFile file_;
  std::unique_ptr<Unpacker> unpacker_;  // nullptr: not packed
  std::string unpacked_;
  std::string_view bytes_;
  std::size_t touched_ = 0;  // bytes skipped since pages were released
  bool ended_ = false;       // nothing more comes out of the unpacker, or it threw
};

// "dir/a.jsonl.gz" -> "a.jsonl"; the endings of packed files are .gz and .zst.
std::string unpacked_name(const std::string& path);

}  // namespace una::containers
