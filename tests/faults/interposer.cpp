// LD_PRELOAD: lets one call of a program fail, as a full or dying disk would, or ends the program at that call.
//
//   UNA_FAULT_ROOTS    only calls on paths under these folders count, separated by colons
//   UNA_FAULT_LOG      each of them is a line "kind path" of this file
//   UNA_FAULT          "kind number errno": the call of that kind with that number (from 1) fails. Kinds: open, read (or
//                      map), write, short (half is written), fsync, close (of a file that was written), rename, mkdir,
//                      unlink. errno -1: SIGKILL at that call instead, before it does anything.
//   UNA_FAULT_COUNTER  a file of 8 zero bytes: the number is counted over the program and its children in turn
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
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
  if (text != nullptr && std::sscanf(text, "%15s %ld %d", kind, &fault.number, &fault.error) == 3) {
    fault.kind = kind;
  }
  return fault;
}

bool is_watched(const std::string& path) {
  const char* const roots =
      std::getenv("UNA_FAULT_ROOTS");  // read each time: a fork may have been given others
  for (const char* at = roots; at != nullptr && *at != '\0';) {
    const std::size_t size = std::strcspn(at, ":");
    if (size > 0 && path.compare(0, size, at, size) == 0) { return true; }
    at += size + (at[size] == ':' ? 1 : 0);
  }
  return false;
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

std::string path_at(int folder, const char* path) {
  const bool is_free = path == nullptr || path[0] == '/' || folder == AT_FDCWD;
  return is_free ? absolute(path) : path_of(folder) + "/" + path;
}

bool is_written(int file) { return (::fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY; }

void log_call(const char* kind, const std::string& path) {
  static const char* const log = std::getenv("UNA_FAULT_LOG");
  if (log == nullptr) { return; }
  static const int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string line = std::string(kind) + " " + path + "\n";
  [[maybe_unused]] const ssize_t written = REAL(write)(file, line.data(), line.size());
}

// Shared by the processes of a command where a file for it is named.
std::atomic<long>& counter() {
  static std::atomic<long> own{0};
  static std::atomic<long>* const shared = [] {
    const char* path = std::getenv("UNA_FAULT_COUNTER");
    const int file = path == nullptr ? -1 : REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (file < 0) { return &own; }
    void* at = REAL(mmap)(nullptr, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REAL(close)(file);
    return at == MAP_FAILED ? &own : static_cast<std::atomic<long>*>(at);
  }();
  return *shared;
}

// True: this call fails, and errno is set.
bool fails(const char* kind, const std::string& path) {
  if (!is_watched(path)) { return false; }
  static const Fault fault = wanted_fault();
  const int before = errno;
  log_call(kind, path);
  const bool now = fault.kind == kind && ++counter() == fault.number;
  if (now && fault.error < 0) { ::kill(::getpid(), SIGKILL); }
  errno = now ? fault.error : before;
  return now;
}

mode_t mode_of(int flags, std::va_list rest) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(rest, int)) : 0;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  const std::string path = path_of(file);
  if (fails("write", path)) { return -1; }
  if (count > 1 && fails("short", path)) { count /= 2; }
  return REAL(write)(file, bytes, count);
}

ssize_t writev(int file, const iovec* parts, int count) {
  return fails("write", path_of(file)) ? -1 : REAL(writev)(file, parts, count);
}

ssize_t read(int file, void* bytes, size_t count) {
  return fails("read", path_of(file)) ? -1 : REAL(read)(file, bytes, count);
}

ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  return fails("read", path_of(file)) ? -1 : REAL(pread)(file, bytes, count, offset);
}

ssize_t pread64(int file, void* bytes, size_t count, off64_t offset) {
  return fails("read", path_of(file)) ? -1 : REAL(pread64)(file, bytes, count, offset);
}

void* mmap(void* at, size_t size, int protection, int flags, int file, off_t offset) noexcept {
  if (file >= 0 && fails("read", path_of(file))) { return MAP_FAILED; }
  return REAL(mmap)(at, size, protection, flags, file, offset);
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

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return fails("rename", path_at(to_folder, to)) ? -1
                                                 : REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return fails("mkdir", absolute(path)) ? -1 : REAL(mkdir)(path, mode);
}

int unlink(const char* path) noexcept { return fails("unlink", absolute(path)) ? -1 : REAL(unlink)(path); }

int unlinkat(int folder, const char* path, int flags) noexcept {
  return fails("unlink", path_at(folder, path)) ? -1 : REAL(unlinkat)(folder, path, flags);
}

int remove(const char* path) noexcept { return fails("unlink", absolute(path)) ? -1 : REAL(remove)(path); }

int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return fails("open", absolute(path)) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return fails("open", absolute(path)) ? -1 : REAL(open64)(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return fails("open", path_at(folder, path)) ? -1 : REAL(openat)(folder, path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  return fails("open", absolute(path)) ? nullptr : REAL(fopen)(path, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  return fails("open", absolute(path)) ? nullptr : REAL(fopen64)(path, mode);
}

}  // extern "C"
