#include "una/containers/file_names.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include <glob.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/containers/file_bytes.h"

namespace una::containers {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kEndings = {".jsonl", ".json", ".csv", ".tsv", ".parquet"};

bool holds_rows(const std::string& path) {
  const std::string name = unpacked_name(path);
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return ends_with(name, ending); });
}

// A link that leads nowhere, or in a circle, may have been meant to bring rows.
bool is_row_file(const fs::path& path) {
  if (!holds_rows(path.string())) { return false; }
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check_input(!error, "--data: cannot read ", path.string(), ": ", error.message(),
              "; remove it, or name the files that are meant");
  return fs::is_regular_file(status);
}

std::vector<std::string> files_of_folder(const std::string& folder) {
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_row_file(entry.path())) { found.push_back(entry.path().string()); }
  }
  check_input(!found.empty(), "--data: the folder \"", folder,
              "\" has no .jsonl, .json, .csv, .tsv or .parquet file (.gz and .zst behind them are fine)");
  std::sort(found.begin(), found.end());
  return found;
}

// "owner/name" of the Hugging Face Hub, with nothing of the kind on this machine.
std::string hub_advice(const std::string& name) {
  const std::size_t slash = name.find('/');
  const bool is_hub_name = slash != std::string::npos && slash > 0 && slash + 1 < name.size() &&
                           name.find('/', slash + 1) == std::string::npos && !holds_rows(name) &&
                           !is_folder(name.substr(0, slash)) && name[0] != '.' && name[0] != '~';
  return is_hub_name ? cat("; una downloads nothing: hf download ", name,
                           " --repo-type dataset --local-dir FOLDER gets a data set of the Hub")
                     : "";
}

std::vector<std::string> files_of_pattern(const std::string& pattern) {
  glob_t found{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, globfree);
  std::vector<std::string> files;
  if (glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &found) == 0) {  // sorted
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      if (is_file(found.gl_pathv[i])) { files.emplace_back(found.gl_pathv[i]); }
    }
  }
  check_input(!files.empty(), "--data: no file fits \"", pattern, "\"");
  return files;
}

}  // namespace

std::vector<std::string> expand_names(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::vector<std::string> found = {name};
    if (is_folder(name)) {
      found = files_of_folder(name);
    } else if (!is_file(name)) {
      std::error_code absent;
      check_input(!std::filesystem::exists(name, absent), "--data: ", name,
                  " is a pipe or a device, but a file is read more than once; write the rows to a file first "
                  "(preview, doctor, convert, label, score and generate also read standard input: --data -)");
      check_input(name.find_first_of("*?[{") != std::string::npos, "--data: there is no file \"", name, "\"",
                  hub_advice(name));
      found = files_of_pattern(name);
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  check_input(
      !files.empty(),
      "--data (or --dataset_name) is missing: give a .jsonl, .json, .csv, .tsv or .parquet file of rows");
  return files;
}

}  // namespace una::containers
