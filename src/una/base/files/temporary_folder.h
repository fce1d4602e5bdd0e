#pragma once

#include <optional>
#include <string>

#include "una/base/files/end_cleanup.h"

namespace una {

// A new folder in TMPDIR (or /tmp) that only this user can enter, with a random name; it is removed with its
// files at the end. What a killed process left there is removed by the next one. InputError when TMPDIR is not
// there or cannot be written.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int folder_ = -1;  // locked, so that it is not taken for a dead process's
  std::optional<CleanedAtEnd> at_end_;
};

}  // namespace una
