#include "una/base/files/file_lock.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/write_all.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/host.h"
#include "una/base/os/reason.h"

namespace una {
namespace {

// The line that the owner wrote. Where two processes start together it may not have come to that yet, so this waits up
// to half a second for it, and goes without the name then.
std::string owner_of(int file) {
  constexpr int kTries = 50;
  constexpr useconds_t kPause = 10'000;  // microseconds
  for (int i = 0; i < kTries; ++i) {
    std::array<char, 400> text{};
    const ssize_t size = ::pread(file, text.data(), text.size() - 1, 0);
    const std::string line(
        trim(std::string(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)))));
    if (!line.empty()) { return line; }
    ::usleep(kPause);
  }
  return "another process";
}

// The owner before may have removed the file between open and flock.
bool is_still_named(int file, const std::string& path) {
  struct stat own{}, named{};
  return ::fstat(file, &own) == 0 && ::stat(path.c_str(), &named) == 0 && own.st_ino == named.st_ino &&
         own.st_dev == named.st_dev;
}

}  // namespace

FileLock::FileLock(std::string path, const std::string& shown) : path_(std::move(path)) {
  while (!try_lock(shown)) {}
  at_end_.emplace(path_, CleanedAtEnd::Kind::kFile);
  try {
    write_owner();
  } catch (...) {
    release();
    throw;
  }
}

// False: the file went away meanwhile, another one has to be made.
bool FileLock::try_lock(const std::string& shown) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check_input(file_ >= 0, "cannot write ", path_, ": ", reason_of(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) {
      log_warning(
          cat("cannot lock ", shown, " (", reason_of(error), "): nothing keeps a second process out"));
      return true;
    }
    const std::string owner = owner_of(file_);
    ::close(std::exchange(file_, -1));
    throw InputError(cat(shown, " is in use by ", owner,
                         "; wait until that has ended, or write to another place with --out"));
  }
  if (!is_still_named(file_, path_)) {
    ::close(std::exchange(file_, -1));
    return false;
  }
  return true;
}

void FileLock::write_owner() {
  const std::string line =
      cat("process ", process_id(), " on ", host_name(), " since ", utc_timestamp(unix_seconds()), "\n");
  check_input(::ftruncate(file_, 0) == 0, "cannot write ", path_, ": ", reason_of(errno));
  write_all(file_, line, path_);
}

FileLock::~FileLock() { release(); }

void FileLock::release() {
  if (file_ < 0) { return; }
  at_end_.reset();
  ::unlink(path_.c_str());  // before the lock goes: whoever waits for it sees that the name is gone
  ::close(file_);
}

}  // namespace una
