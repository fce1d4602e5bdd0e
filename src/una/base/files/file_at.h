#pragma once

#include <cstdint>
#include <string>

namespace una {

// A file that is read at places, without a mapping: what was read is not resident afterwards. Thread-safe.
class FileAt {
 public:
  // InputError naming `shown` (empty: the path) when it cannot be opened.
  explicit FileAt(const std::string& path, const std::string& shown = "");
  ~FileAt();
  FileAt(const FileAt&) = delete;
  FileAt& operator=(const FileAt&) = delete;

  void hold() const;  // as long as it is open, trim_cache_folder leaves the file alone
  std::uint64_t size() const { return size_; }
  // `count` bytes from `offset`; InputError naming the path when the file ends before.
  void read(std::uint64_t offset, void* out, std::size_t count) const;
  std::string read(std::uint64_t offset, std::size_t count) const;

 private:
  std::string shown_;
  int file_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace una
