#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace una {

// tests/data of the project, for tests: $UNA_FIXTURES, which ctest sets, or the folder next to the sources. __FILE__
// alone is not enough, since a compiler cache may shorten it to a path relative to the build folder.
inline std::filesystem::path test_data() {
  if (const char* folder = std::getenv("UNA_FIXTURES")) { return folder; }
  const auto project =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
  return project / "tests" / "data";
}

}  // namespace una
