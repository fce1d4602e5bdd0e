#include "una/base/files/append_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/write_all.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/reason.h"

namespace una {

AppendFile::AppendFile(const std::string& path)
    : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  check_input(file_ >= 0, "cannot write ", path, ": ", reason_of(errno));
}

// Some file systems report a full disk or a quota only now.
AppendFile::~AppendFile() {
  if (::close(file_) != 0) { log_warning(cat("cannot write ", path_, ": ", reason_of(errno))); }
}

void AppendFile::append(std::string_view bytes) { write_all(file_, bytes, path_); }

// Pipes and terminals have nothing to synchronise.
void AppendFile::sync() {
  check_input(::fsync(file_) == 0 || errno == EINVAL || errno == EROFS, "cannot write ", path_, ": ",
              reason_of(errno));
}

}  // namespace una
