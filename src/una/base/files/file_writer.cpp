#include "una/base/files/file_writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/write_all.h"
#include "una/base/os/reason.h"
#include "una/base/os/stop_point.h"

namespace una {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16;
constexpr std::size_t kPiece = std::size_t{16} << 20;  // at most between two stop points

}  // namespace

FileWriter::FileWriter(const std::string& path, const std::string& shown)
    : shown_(shown), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  check_input(file_ >= 0, "cannot write ", shown_, ": ", reason_of(errno));
}

FileWriter::~FileWriter() {
  if (file_ >= 0) { ::close(file_); }
}

void FileWriter::write(std::string_view bytes) {
  stop_point();
  if (buffer_.size() + bytes.size() > kBuffer) { flush(); }
  while (bytes.size() > kBuffer) {
    write_all(file_, bytes.substr(0, kPiece), shown_);
    bytes.remove_prefix(std::min(bytes.size(), kPiece));
    stop_point();
  }
  buffer_ += bytes;
}

void FileWriter::flush() {
  write_all(file_, buffer_, shown_);
  buffer_.clear();
}

void FileWriter::close() {
  flush();
  const int error = ::close(std::exchange(file_, -1)) == 0 ? 0 : errno;
  check_input(error == 0, "cannot write ", shown_, ": ", reason_of(error));
}

}  // namespace una
