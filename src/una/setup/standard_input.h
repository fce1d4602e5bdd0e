#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/base/files/temporary_folder.h"

namespace una::setup {

// "-" among the names of files means standard input. Rows may be read more than once, so it is kept in a temporary file
// while this object lives, and `names` says that file's name instead. What it holds is told by its first bytes: Parquet,
// JSON (lines or a list), packed or not; anything else is CSV. InputError: "-" twice, nothing comes.
class StandardInput {
 public:
  explicit StandardInput(std::vector<std::string>& names, int file = 0);

 private:
  std::optional<TemporaryFolder> folder_;
};

// For commands whose work goes on later with the same files: InputError where "-" is among `names`.
void check_no_standard_input(const std::vector<std::string>& names);

}  // namespace una::setup
