#include "una/base/files/write_all.h"

#include <cerrno>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/os/reason.h"

namespace una {

void write_all(int file, std::string_view bytes, const std::string& shown) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) { continue; }
    check_input(written >= 0, "cannot write ", shown, ": ", reason_of(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace una
