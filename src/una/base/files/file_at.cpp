#include "una/base/files/file_at.h"

#include <cerrno>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/cache_folder.h"
#include "una/base/files/open_file.h"
#include "una/base/format.h"
#include "una/base/os/reason.h"

namespace una {

FileAt::FileAt(const std::string& path, const std::string& shown) : shown_(shown.empty() ? path : shown) {
  file_ = open_to_read(path, size_);
}

void FileAt::hold() const { hold_file(file_); }

FileAt::~FileAt() { ::close(file_); }

void FileAt::read(std::uint64_t offset, void* out, std::size_t count) const {
  auto* to = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = ::pread(file_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) { continue; }
    check_input(got >= 0, "cannot read ", shown_, ": ", reason_of(errno));
    check_input(got > 0, "cannot read ", shown_, ": it ends at byte ", offset, ", too early");
    to += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

std::string FileAt::read(std::uint64_t offset, std::size_t count) const {
  check_input(offset <= size_ && count <= size_ - offset, "cannot read ", shown_, ": it ends at byte ", size_,
              ", too early");
  std::string out(count, '\0');
  read(offset, out.data(), count);
  return out;
}

}  // namespace una
