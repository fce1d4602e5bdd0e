#include "una/base/files.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/open_file.h"

namespace una {
namespace fs = std::filesystem;
namespace {

std::string reason() { return std::strerror(errno); }

void sync_path(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) { return; }
  ::fsync(file);
  ::close(file);
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

void write_whole(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check_input(file >= 0, "cannot write ", path, ": ", reason());
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) { continue; }
    if (written < 0) {
      const std::string why = reason();
      ::close(file);
      throw InputError(cat("cannot write ", path, ": ", why));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(file);
}

}  // namespace

std::string read_file(const std::string& path) {
  check_input(!is_folder(path), path, " is a folder, a file is needed");
  std::ifstream in(path, std::ios::binary);
  check_input(static_cast<bool>(in), "cannot read ", path, ": ", reason());
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  check_input(!in.bad(), "cannot read ", path, ": ", reason());
  return bytes;
}

void write_file_with(const std::string& path, const std::function<void(const std::string&)>& fill) {
  const std::string temporary = cat(path, ".tmp", ::getpid());
  try {
    fill(temporary);
    sync_path(temporary);
    check_input(std::rename(temporary.c_str(), path.c_str()) == 0, "cannot write ", path, ": ", reason());
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_path(parent_of(path));
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file_with(path, [&](const std::string& temporary) { write_whole(temporary, bytes); });
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check_input(!error && fs::is_directory(path), "cannot make the folder ", path, ": ", error.message());
}

void check_writable_folder(const std::string& path) {
  const std::string probe = cat(path, "/.una-write-test-", ::getpid());
  write_file(probe, "x");
  ::unlink(probe.c_str());
}

void rename_folder(const std::string& from, const std::string& to) {
  for (const auto& entry : fs::recursive_directory_iterator(from)) { sync_path(entry.path().string()); }
  sync_path(from);
  check_input(std::rename(from.c_str(), to.c_str()) == 0, "cannot rename ", from, " to ", to, ": ", reason());
  sync_path(parent_of(to));
}

std::uint64_t free_bytes(const std::string& path) {
  fs::path at = fs::absolute(path);
  while (!fs::exists(at) && at.has_parent_path()) { at = at.parent_path(); }
  std::error_code error;
  const fs::space_info space = fs::space(at, error);
  return error ? 0 : space.available;
}

std::string absolute_path(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

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
