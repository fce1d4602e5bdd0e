#include "una/base/files/cache_folder.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "una/base/files/temporary_file.h"

namespace una {
namespace fs = std::filesystem;
namespace {

bool remove_unless_held(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) { return false; }
  const bool is_free = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  const bool is_removed = is_free && ::unlink(path.c_str()) == 0;
  ::close(file);
  return is_removed;
}

}  // namespace

void trim_cache_folder(const std::string& folder, const std::string& keep, std::uint64_t cap_bytes) {
  remove_dead_temporaries(folder, "");
  std::vector<fs::directory_entry> files;
  std::uint64_t total = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_regular_file(ignored)) { continue; }
    if (is_temporary_name(entry.path().filename().string())) { continue; }
    total += entry.file_size(ignored);
    if (entry.path() != keep) { files.push_back(entry); }
  }
  std::sort(files.begin(), files.end(), [&](const auto& a, const auto& b) {
    return a.last_write_time(ignored) < b.last_write_time(ignored);
  });
  for (const auto& entry : files) {
    if (total <= cap_bytes) { return; }
    const std::uint64_t size = entry.file_size(ignored);
    if (remove_unless_held(entry.path().string())) { total -= size; }
  }
}

void hold_file(int file) {
  ::flock(file,
          LOCK_SH | LOCK_NB);  // where a file system has no locks, open files stay readable all the same
}

void touch_file(const std::string& path) {
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
}

}  // namespace una
