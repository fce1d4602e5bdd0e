#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace una {

// What tells a file from the same file after a change in place.
struct FileVersion {
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  // time of the last change
};

// A file that is read through a mapping for as long as this object lives: a change in place changes what was read
// already (weights that train, say), and a truncation ends the process by SIGBUS. A file that is replaced by
// rename, or deleted, is harmless: the mapping keeps the old one. Thread-safe.
class WatchedFile {
 public:
  WatchedFile(std::string path, const char* begin, std::size_t size);  // the mapping
  ~WatchedFile();
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  const std::string& path() const { return path_; }
  bool changed() const;

 private:
  std::string path_;
  FileVersion version_;
  std::size_t slot_;
};

// InputError naming a watched file that was changed in place, also one that is no longer watched. What was computed
// from it must not be kept.
void check_watched_files();
void forget_changed_files();  // for tests

// A SIGBUS from a watched file names it on standard error and ends the process with exit code 2.
void install_bus_error_handler();

}  // namespace una
