#include "una/base/cache_folder.h"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace una {
namespace fs = std::filesystem;

void trim_cache_folder(const std::string& folder, const std::string& keep, std::uint64_t cap_bytes) {
  std::vector<fs::directory_entry> files;
  std::uint64_t total = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_regular_file(ignored)) { continue; }
    total += entry.file_size(ignored);
    if (entry.path() != keep) { files.push_back(entry); }
  }
  std::sort(files.begin(), files.end(), [&](const auto& a, const auto& b) {
    return a.last_write_time(ignored) < b.last_write_time(ignored);
  });
  for (const auto& entry : files) {
    if (total <= cap_bytes) { return; }
    total -= entry.file_size(ignored);
    fs::remove(entry.path(), ignored);
  }
}

void touch_file(const std::string& path) {
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
}

}  // namespace una
