#include "una/base/files/same_file.h"

#include <filesystem>

namespace una {
namespace fs = std::filesystem;
namespace {

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code absent;
  return fs::equivalent(a, b, absent);
}

bool holds(const fs::path& folder, const fs::path& file) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) { return false; }
  constexpr auto kSkip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folder, kSkip, error), end; !error && at != end;
       at.increment(error)) {
    if (is_same(at->path(), file)) { return true; }
  }
  return false;
}

}  // namespace

std::string find_same(const std::string& path, const std::vector<std::string>& inputs) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) { return ""; }
  for (const std::string& input : inputs) {
    if (!input.empty() && (is_same(path, input) || holds(input, path))) { return input; }
  }
  return "";
}

std::string find_within(const std::string& path, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code absent;
    fs::path at = fs::canonical(input, absent);
    while (!absent && !at.empty()) {
      if (is_same(path, at)) { return input; }
      if (at == at.parent_path()) { break; }
      at = at.parent_path();
    }
  }
  return "";
}

}  // namespace una
