// LD_PRELOAD: lets one call of a program fail, as a full or dying disk would.
//
//   UNA_FAULT_ROOT   only calls on paths under this folder count
//   UNA_FAULT_LOG    each of them is a line "kind path" of this file
//   UNA_FAULT        "kind number errno": the call of that kind with that number (from 1) fails. Kinds: open (to write),
//                    read, write, short (half is written), fsync, close (of a file that was written), rename, mkdir, unlink
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

template <class Function>
Function* real(const char* name, Function*) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) (real(#name, &::name))

struct Fault {
  std::string kind;
  long number = 0;
  int error = EIO;
};

Fault wanted_fault() {
  Fault fault;
  char kind[16] = {};
  const char* text = std::getenv("UNA_FAULT");
  if (text != nullptr && std::sscanf(text, "%15s %ld %d", kind, &fault.number, &fault.error) == 3) { fault.kind = kind; }
  return fault;
}

bool is_watched(const std::string& path) {
  static const char* root = std::getenv("UNA_FAULT_ROOT");
  return root != nullptr && path.compare(0, std::strlen(root), root) == 0;
}

std::string absolute(const char* path) {
  if (path == nullptr || path[0] == '/') { return path == nullptr ? "" : path; }
  char here[4096];
  return ::getcwd(here, sizeof here) == nullptr ? "" : std::string(here) + "/" + path;
}

std::string path_of(int file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size < 0 ? "" : std::string(path, static_cast<std::size_t>(size));
}

bool is_written(int file) { return (::fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY; }

void log_call(const char* kind, const std::string& path) {
  static const char* log = std::getenv("UNA_FAULT_LOG");
  if (log == nullptr) { return; }
  static const int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string line = std::string(kind) + " " + path + "\n";
  [[maybe_unused]] const ssize_t written = REAL(write)(file, line.data(), line.size());
}

// True: this call fails, and errno is set.
bool fails(const char* kind, const std::string& path) {
  static const Fault fault = wanted_fault();
  static std::atomic<long> calls{0};
  if (!is_watched(path)) { return false; }
  const int before = errno;
  log_call(kind, path);
  const bool now = fault.kind == kind && ++calls == fault.number;
  errno = now ? fault.error : before;
  return now;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  const std::string path = path_of(file);
  if (fails("write", path)) { return -1; }
  if (count > 1 && fails("short", path)) { count /= 2; }
  return REAL(write)(file, bytes, count);
}

ssize_t read(int file, void* bytes, size_t count) {
  return fails("read", path_of(file)) ? -1 : REAL(read)(file, bytes, count);
}

ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  return fails("read", path_of(file)) ? -1 : REAL(pread)(file, bytes, count, offset);
}

int fsync(int file) { return fails("fsync", path_of(file)) ? -1 : REAL(fsync)(file); }

int close(int file) {
  if (is_written(file) && fails("close", path_of(file))) {
    const int error = errno;
    REAL(close)(file);
    errno = error;
    return -1;
  }
  return REAL(close)(file);
}

int rename(const char* from, const char* to) noexcept {
  return fails("rename", absolute(to)) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return fails("mkdir", absolute(path)) ? -1 : REAL(mkdir)(path, mode);
}

int unlink(const char* path) noexcept { return fails("unlink", absolute(path)) ? -1 : REAL(unlink)(path); }

int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if ((flags & O_ACCMODE) != O_RDONLY && fails("open", absolute(path))) { return -1; }
  return REAL(open)(path, flags, mode);
}

}  // extern "C"
