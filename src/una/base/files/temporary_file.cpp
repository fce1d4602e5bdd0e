#include "una/base/files/temporary_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/write_all.h"
#include "una/base/format.h"
#include "una/base/os/reason.h"

namespace una {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = ".tmp";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::size_t kRandom = 6;

std::string random_letters() {
  std::random_device device;  // getrandom(2)
  std::uniform_int_distribution<std::size_t> draw(0, kLetters.size() - 1);
  std::string out;
  for (std::size_t i = 0; i < kRandom; ++i) { out += kLetters[draw(device)]; }
  return out;
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// Between open and flock another process may have taken the file for a dead one's and removed it.
bool is_still_named(int file, const std::string& path) {
  struct stat own{}, named{};
  return ::fstat(file, &own) == 0 && ::stat(path.c_str(), &named) == 0 && own.st_ino == named.st_ino &&
         own.st_dev == named.st_dev;
}

void remove_if_dead(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) { return; }
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 && is_still_named(file, path)) { ::unlink(path.c_str()); }
  ::close(file);
}

}  // namespace

TemporaryFile::TemporaryFile(std::string target) : target_(std::move(target)) {
  remove_dead_temporaries(parent_of(target_), fs::path(target_).filename().string());
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    path_ = cat(target_, kMark, random_letters());
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file_ < 0 && errno == EEXIST) { continue; }
    if (file_ < 0) { fail(errno); }
    // A file system without locks keeps the random name as its only protection.
    if (::flock(file_, LOCK_EX) != 0 || is_still_named(file_, path_)) {
      at_end_.emplace(path_, CleanedAtEnd::Kind::kFile);
      return;
    }
    ::close(std::exchange(file_, -1));
  }
  fail(EEXIST);
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) { ::unlink(path_.c_str()); }
  if (file_ >= 0) { ::close(file_); }
}

void TemporaryFile::write(std::string_view bytes) { write_all(file_, bytes, target_); }

void TemporaryFile::publish() {
  if (::fsync(file_) != 0) { fail(errno); }
  if (std::rename(path_.c_str(), target_.c_str()) != 0) { fail(errno); }
  path_.clear();
  at_end_.reset();
  sync_folder(parent_of(target_));
  if (::close(std::exchange(file_, -1)) != 0) { fail(errno); }
}

void TemporaryFile::fail(int error_number) const {
  throw InputError(cat("cannot write ", target_, ": ", reason_of(error_number)));
}

bool is_temporary_name(std::string_view name) {
  if (name.size() <= kMark.size() + kRandom) { return false; }
  const std::string_view end = name.substr(name.size() - kMark.size() - kRandom);
  return end.substr(0, kMark.size()) == kMark &&
         end.find_first_not_of(kLetters, kMark.size()) == std::string_view::npos;
}

void remove_dead_temporaries(const std::string& folder, const std::string& name) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string found = entry.path().filename().string();
    const bool is_own = name.empty() || found.size() == name.size() + kMark.size() + kRandom;
    if (is_own && starts_with(found, name) && is_temporary_name(found)) {
      remove_if_dead(entry.path().string());
    }
  }
}

void sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) { return; }  // it may be written to, but not be listed
  const int error = ::fsync(folder) == 0 ? 0 : errno;
  ::close(folder);
  // EINVAL: a file system that has nothing to do for a folder.
  check_input(error == 0 || error == EINVAL || error == ENOTSUP, "cannot write ", path, ": ",
              reason_of(error));
}

}  // namespace una
