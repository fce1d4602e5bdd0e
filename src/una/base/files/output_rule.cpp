#include "una/base/files/output_rule.h"

#include <filesystem>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/same_file.h"
#include "una/base/format.h"

namespace una {
namespace fs = std::filesystem;

OutputFile::OutputFile(const std::string& path, const OutputRule& rule,
                       const std::vector<std::string>& together_with) {
  check_input(!is_folder(path), path, " is a folder; a file is written, so give its name");
  std::vector<std::string> written = together_with;
  written.push_back(path);
  for (const std::string& each : written) {
    const std::string input = find_same(each, rule.inputs);
    check_input(input.empty(), each, " is one of the files to read (", input,
                "); write to another place with --out");
  }
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) { return; }  // a device, a pipe
  check_input(rule.overwrite || !fs::exists(status), path, " is there already; give another --out, or ",
              rule.flag);
  const fs::path place = fs::path(absolute_path(path));
  const std::string folder = place.parent_path().string();
  check_input(is_folder(folder), path, ": the folder ", folder, " is not there; make it first");
  check_writable_folder(folder);
  lock_ = std::make_unique<FileLock>(cat(folder, "/.", place.filename().string(), ".una-lock"), path);
}

}  // namespace una
