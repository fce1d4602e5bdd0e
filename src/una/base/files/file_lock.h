#pragma once

#include <optional>
#include <string>

#include "una/base/files/end_cleanup.h"

namespace una {

// One process at a time. The system lets go of the lock when its process ends, however that happens, so a lock
// file that a killed process left does not block the next one. InputError when another process has it: one sentence with that
// process and its host. Where the file system has no locks a warning says so. Other hosts are seen where the file
// system tells them (NFS does).
class FileLock {
 public:
  // `path`: the lock file, removed at the end. `shown`: what is locked, in the sentence.
  FileLock(std::string path, const std::string& shown);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  bool try_lock(const std::string& shown);
  void write_owner();
  void release();

  std::string path_;
  int file_ = -1;
  std::optional<CleanedAtEnd> at_end_;
};

}  // namespace una
