#include "una/base/os/standard_streams.h"

#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/os/reason.h"

namespace una {

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) { continue; }
    // The lowest free number, hence this one.
    if (::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0) { return; }
  }
}

bool flush_standard_output() {
  errno = 0;
  const bool had_failed = std::ferror(stdout) != 0;
  const bool is_flushed = std::fflush(stdout) == 0;
  if (!had_failed && is_flushed) { return true; }
  int error = errno;
  if (is_flushed) {  // an earlier write failed: another one tells why
    const bool writes = ::write(STDOUT_FILENO, "\n", 1) == 1;
    error = writes ? 0 : errno;
  }
  if (error == EPIPE) { return false; }
  throw InputError("cannot write standard output" + (error == 0 ? "" : ": " + reason_of(error)) +
                   "; not everything was printed");
}

}  // namespace una
