#include "una/base/testing.h"

#include <cstdlib>
#include <filesystem>

#include <unistd.h>

namespace una {
namespace fs = std::filesystem;

std::string test_folder(const std::string& name) {
  const char* base = std::getenv("UNA_TEST_TMP");
  const fs::path root = base != nullptr ? fs::path(base) : fs::temp_directory_path() / "una-tests";
  const fs::path folder = root / (name + "-" + std::to_string(::getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder.string();
}

std::string shared_data_folder() {
  if (const char* given = std::getenv("UNA_TEST_DATA")) { return fs::is_directory(given) ? given : ""; }
  for (fs::path at = fs::current_path(); at.has_relative_path(); at = at.parent_path()) {
    if (fs::is_directory(at / "shared" / "data" / "preference")) { return (at / "shared" / "data").string(); }
  }
  return "";
}

}  // namespace una
