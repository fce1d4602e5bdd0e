#include "una/base/files/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/reason.h"

namespace una {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrefix = "una-tmp-";

std::string temporary_place() {
  const char* named = std::getenv("TMPDIR");
  return named != nullptr && *named != '\0' ? named : "/tmp";
}

int open_folder(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void remove_dead_folders(const std::string& place) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(place, ignored)) {
    const std::string path = entry.path().string();
    if (!starts_with(entry.path().filename().string(), kPrefix)) { continue; }
    const int folder = open_folder(path);
    struct stat status{};
    const bool is_ours = folder >= 0 && ::fstat(folder, &status) == 0 && status.st_uid == ::geteuid();
    if (is_ours && ::flock(folder, LOCK_EX | LOCK_NB) == 0) { fs::remove_all(path, ignored); }
    if (folder >= 0) { ::close(folder); }
  }
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  const std::string place = temporary_place();
  remove_dead_folders(place);
  // Another process may take the new folder for a dead one's before it is locked: then once more.
  for (int tries = 0; folder_ < 0 && tries < 100; ++tries) {
    path_ = cat(place, "/", kPrefix, "XXXXXX");
    check_input(::mkdtemp(path_.data()) != nullptr, "cannot make a temporary folder in ", place, ": ",
                reason_of(errno), "; name another place with TMPDIR");
    folder_ = open_folder(path_);
    if (folder_ < 0) { ::rmdir(path_.c_str()); }
    if (folder_ >= 0 && ::flock(folder_, LOCK_EX) == 0 && !fs::exists(path_)) {
      ::close(folder_);
      folder_ = -1;
    }
  }
  check_input(folder_ >= 0, "cannot make a temporary folder in ", place);
  at_end_.emplace(path_, CleanedAtEnd::Kind::kFolderWithFiles);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code failed;
  fs::remove_all(path_, failed);
  if (failed) { fs::remove_all(path_, failed); }  // else the next command does it
  ::close(folder_);
}

}  // namespace una
