#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "una/base/files/end_cleanup.h"

namespace una {

// A new file TARGET.tmpXXXXXX in the folder of its target, with a random name that nothing else had (O_EXCL), so
// two processes never share one, in whatever container they run. The file is locked (flock) while this object
// lives: others can tell a living writer's file from what a killed one left, and remove the latter. The file is
// removed at the end unless it was renamed. Not thread-safe; different objects are independent.
class TemporaryFile {
 public:
  // InputError naming `target` when the file cannot be made. Removes what dead writers of `target` left.
  explicit TemporaryFile(std::string target);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  void write(std::string_view bytes);
  // fsync, rename over the target, fsync of the folder. InputError naming the target with the system's reason.
  void publish();

 private:
  [[noreturn]] void fail(int error_number) const;

  std::string target_, path_;
  int file_ = -1;
  std::optional<CleanedAtEnd> at_end_;
};

// True of NAME.tmpXXXXXX: never the name of a finished file.
bool is_temporary_name(std::string_view name);

// Removes NAME.tmpXXXXXX of the folder whose writers are dead; `name` "" means any name. Files without a lock
// that anybody could take (a file system without flock) stay.
void remove_dead_temporaries(const std::string& folder, const std::string& name);

// Writes the folder's entries (names, not contents) to the disk. InputError on a failing disk.
void sync_folder(const std::string& path);

}  // namespace una
