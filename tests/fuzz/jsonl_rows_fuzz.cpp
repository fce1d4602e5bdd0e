#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/native_row.h"
#include "una/views/read_examples.h"

// A file of rows, through the same door as a user's: packed or not, JSONL or an array (CSV after a line
// "csv"), every shape, scores, views; and what was read must be writable as our own rows.
namespace {

namespace fs = std::filesystem;

// One folder a process; files of it are written anew for each input.
class Folder {
 public:
  Folder() {
    const fs::path shared = "/dev/shm";  // in memory
    const fs::path base = fs::is_directory(shared) ? shared : fs::temp_directory_path();
    path_ = (base / ("una-fuzz-" + std::to_string(::getpid()))).string();
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void read_rows(const una::rows::DataOptions& options) {
  try {
    una::rows::ReadReport report;
    for (const una::Example& example : una::views::read_examples(options, report, "")) {
      static_cast<void>(una::views::native_row(example, std::nullopt).json.dump());
    }
  } catch (const una::InputError&) {  // the only way out that is allowed
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view mark = "csv\n";
  const bool csv = una::starts_with(text, mark);
  if (csv) { text.remove_prefix(mark.size()); }
  static const Folder folder;
  const std::string path = folder.path() + (csv ? "/rows.csv" : "/rows.jsonl");
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
  una::rows::DataOptions options;
  options.dataset_name = {path};
  read_rows(options);
  options.apply_chat_template = true;
  options.feedback = "pairwise";
  options.score_mapping = "z_score";
  read_rows(options);
  return 0;
}
