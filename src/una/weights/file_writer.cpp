#include "una/weights/file_writer.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights::detail {

FileWriter::FileWriter(const std::string& path, const std::string& shown)
    : shown_(shown), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (file_ < 0) { fail(); }
}

FileWriter::~FileWriter() {
  if (file_ >= 0) { ::close(file_); }
}

void FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) { continue; }
    if (written < 0) { fail(); }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void FileWriter::close() {
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) { fail(); }
}

void FileWriter::fail() { throw InputError(cat("cannot write ", shown_, ": ", std::strerror(errno))); }

}  // namespace una::weights::detail
