#include "una/setup/standard_input.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/file_writer.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/reason.h"
#include "una/containers/file_bytes.h"

namespace una::setup {
namespace {

constexpr const char* kName = "-";

// All of it; InputError when the user stops it.
void copy(int file, const std::string& path) {
  FileWriter writer(path, "the copy of standard input");
  std::array<char, std::size_t{1} << 16> block{};
  for (;;) {
    const ssize_t size = ::read(file, block.data(), block.size());
    if (interrupted()) { throw Interrupted("stopped while standard input was read; nothing was written"); }
    if (size < 0 && errno == EINTR) { continue; }
    check_input(size >= 0, "cannot read standard input: ", reason_of(errno));
    if (size == 0) { break; }
    writer.write({block.data(), static_cast<std::size_t>(size)});
  }
  writer.close();
}

const char* ending_of(const std::string& path) {
  const containers::FileBytes file(path);
  const std::string_view text = trim(file.bytes().substr(0, 4096));
  check_input(!text.empty(), "--data -: nothing came from standard input");
  if (starts_with(text, "PAR1")) { return ".parquet"; }
  return text.front() == '{' || text.front() == '[' ? ".jsonl" : ".csv";
}

}  // namespace

StandardInput::StandardInput(std::vector<std::string>& names, int file) {
  const auto count = std::count(names.begin(), names.end(), kName);
  if (count == 0) { return; }
  check_input(count == 1, "--data: standard input (-) can be read once only");
  folder_.emplace();
  const std::string path = folder_->path() + "/stdin";
  copy(file, path);
  const std::string named = path + ending_of(path);
  std::filesystem::rename(path, named);
  std::replace(names.begin(), names.end(), std::string(kName), named);
}

void check_no_standard_input(const std::vector<std::string>& names) {
  check_input(
      std::find(names.begin(), names.end(), kName) == names.end(),
      "--data -: a run must find its rows again when it is resumed; write standard input to a file first");
}

}  // namespace una::setup
