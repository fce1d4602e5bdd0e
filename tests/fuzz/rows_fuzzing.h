#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "una/base/error.h"
#include "una/views/native_row.h"
#include "una/views/read_examples.h"

// A file of rows, through the same door as a user's; used by the targets of the row formats.
namespace una::fuzzing {

// One folder per process; its files are written anew for each input.
class Folder {
 public:
  Folder() {
    namespace fs = std::filesystem;
    const fs::path shared = "/dev/shm";  // in memory
    const fs::path base = fs::is_directory(shared) ? shared : fs::temp_directory_path();
    path_ = (base / ("una-fuzz-" + std::to_string(::getpid()))).string();
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Reads every row, and checks that it can be written as a row of our own.
inline void read_rows(const rows::DataOptions& options) {
  try {
    rows::ReadReport report;
    for (const Example& example : views::read_examples(options, report, "")) {
      static_cast<void>(views::native_row(example, std::nullopt).json.dump());
    }
  } catch (const InputError&) {  // the only exception that is allowed
  }
}

// `bytes` as a file called `name`: plain, and as pairs of chats with fitted scores.
inline void read_file_of_rows(std::string_view bytes, const std::string& name) {
  static const Folder folder;
  const std::string path = folder.path() + "/" + name;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  rows::DataOptions options;
  options.dataset_name = {path};
  read_rows(options);
  options.apply_chat_template = true;
  options.feedback = "pairwise";
  options.score_mapping = "z_score";
  read_rows(options);
}

}  // namespace una::fuzzing
