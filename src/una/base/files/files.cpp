#include "una/base/files/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/open_file.h"
#include "una/base/files/temporary_file.h"
#include "una/base/files/write_all.h"
#include "una/base/format.h"
#include "una/base/os/reason.h"

namespace una {
namespace fs = std::filesystem;
namespace {

std::string reason() { return reason_of(errno); }

// Writes the file's bytes to the disk. What a failing disk or a quota reports here is an InputError.
void sync_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check_input(file >= 0, "cannot write ", path, ": ", reason());
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  check_input(error == 0, "cannot write ", path, ": ", reason_of(error));
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// Where a write to `path` goes. A device, pipe or socket is written to directly: it must not be replaced by a
// file. The same for a link of /dev or /proc, such as /dev/stdout. Of another link it is the target that is
// replaced.
struct Target {
  std::string path;
  bool is_direct = false;
};

Target target_of(const std::string& path) {
  constexpr int kLinks = 40;  // as the kernel
  Target target{path};
  for (int i = 0; i < kLinks; ++i) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(target.path, error);
    if (!fs::is_symlink(status)) {
      check_input(!fs::is_directory(status), path, " is a folder, a file is needed");
      target.is_direct = fs::exists(status) && !fs::is_regular_file(status);
      return target;
    }
    if (starts_with(target.path, "/dev/") || starts_with(target.path, "/proc/")) {
      return {target.path, true};
    }
    const fs::path link = fs::read_symlink(target.path, error);
    check_input(!error, "cannot write ", path, ": ", error.message());
    target.path = (fs::path(target.path).parent_path() / link).string();
  }
  throw InputError(cat("cannot write ", path, ": ", reason_of(ELOOP)));
}

void write_directly(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  check_input(file >= 0, "cannot write ", path, ": ", reason());
  try {
    write_all(file, bytes, path);
  } catch (...) {
    ::close(file);
    throw;
  }
  const int error = ::close(file) == 0 ? 0 : errno;
  check_input(error == 0, "cannot write ", path, ": ", reason_of(error));
}

}  // namespace

std::string read_file(const std::string& path) {
  constexpr std::size_t kPiece = std::size_t{1} << 16, kLargestStream = std::size_t{64} << 20;
  check_input(!is_folder(path), path, " is a folder, a file is needed");
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check_input(file >= 0, "cannot read ", path, ": ", reason());
  struct stat status{};
  const bool is_regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  std::string bytes;
  std::size_t size = 0;
  for (;;) {
    const std::size_t known = is_regular ? static_cast<std::size_t>(status.st_size) + 1 : 0;
    bytes.resize(std::max(known, size + kPiece));
    const ssize_t got = ::read(file, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) { continue; }
    if (got == 0) { break; }
    const int error = got < 0 ? errno : EFBIG;
    size += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    if (got < 0 || (!is_regular && size > kLargestStream)) {
      ::close(file);
      throw InputError(cat("cannot read ", path, ": ", reason_of(error)));
    }
  }
  ::close(file);
  bytes.resize(size);
  return bytes;
}

void write_file_with(const std::string& path, const std::function<void(const std::string&)>& fill) {
  const Target target = target_of(path);
  if (target.is_direct) { return fill(target.path); }
  TemporaryFile temporary(target.path);
  fill(temporary.path());
  temporary.publish();
}

void write_file(const std::string& path, std::string_view bytes) {
  const Target target = target_of(path);
  if (target.is_direct) { return write_directly(target.path, bytes); }
  TemporaryFile temporary(target.path);
  temporary.write(bytes);
  temporary.publish();
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check_input(!error && fs::is_directory(path), "cannot make the folder ", path, ": ", error.message());
}

void check_writable_folder(const std::string& path) {
  TemporaryFile probe(path + "/.una-write-test");  // removed at once; a killed one's by the next
  probe.write("x");
}

void rename_folder(const std::string& from, const std::string& to) {
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const std::string path = entry.path().string();
    if (entry.is_directory()) { sync_folder(path); }
    if (entry.is_regular_file()) { sync_file(path); }
  }
  sync_folder(from);
  const int error = std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  check_input(error == 0, "cannot rename ", from, " to ", to, ": ", reason_of(error));
  sync_folder(parent_of(to));
}

std::uint64_t free_bytes(const std::string& path) {
  fs::path at = fs::absolute(path);
  while (!fs::exists(at) && at.has_parent_path()) { at = at.parent_path(); }
  std::error_code error;
  const fs::space_info space = fs::space(at, error);
  return error ? 0 : space.available;
}

std::string absolute_path(const std::string& path) {
  if (path.empty()) { return ""; }
  return fs::absolute(path).lexically_normal().string();
}

std::string user_cache_folder() {
  const auto set = [](const char* value) { return value != nullptr && *value != '\0'; };
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); set(xdg)) { return cat(xdg, "/una"); }
  if (const char* home = std::getenv("HOME"); set(home)) { return cat(home, "/.cache/una"); }
  return "";
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_empty_folder(const std::string& path) {
  std::error_code error;
  return !fs::exists(path, error) || (fs::is_directory(path, error) && fs::is_empty(path, error));
}

int open_to_read(const std::string& path, std::uint64_t& size) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check_input(file >= 0, "cannot read ", path, ": ", reason());
  struct stat status{};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    throw InputError(cat("cannot read ", path, ": not a regular file"));
  }
  size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

MappedFile::MappedFile(const std::string& path) {
  const int file = open_to_read(path, size_);
  void* address = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  const std::string why = reason();
  ::close(file);
  check_input(address != MAP_FAILED, "cannot map ", path, ": ", why);
  data_ = static_cast<const char*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) { ::munmap(const_cast<char*>(data_), size_); }
}

void MappedFile::release_pages() const {
  if (data_ != nullptr) {
    ::madvise(const_cast<char*>(data_), size_, MADV_DONTNEED);  // read-only and file-backed: safe
  }
}

}  // namespace una
