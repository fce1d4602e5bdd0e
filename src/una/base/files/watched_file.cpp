#include "una/base/files/watched_file.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/end_cleanup.h"

namespace una {
namespace {

// One mapping, as the signal handler sees it: no lock, no allocation.
struct Slot {
  std::atomic<const char*> begin = nullptr;
  std::atomic<std::size_t> size = 0;
  std::atomic<const char*> name = nullptr;
};
constexpr std::size_t kSlots = 4096;  // files beyond it are checked, but a SIGBUS does not name them

// Global because a signal handler has nothing else; `mutex` guards `files` and `changed`.
struct Registry {
  std::array<Slot, kSlots> slots;
  std::mutex mutex;
  std::set<const WatchedFile*> files;
  std::string changed;  // the first that was found changed
};

Registry& registry() {
  static Registry all;
  return all;
}

bool read_version(const std::string& path, FileVersion& out) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) { return false; }
  out = {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
         std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
  return true;
}

void print(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

const char* name_of(const void* address) {
  for (const Slot& slot : registry().slots) {
    const char* begin = slot.begin.load();
    if (begin == nullptr || address < begin || address >= begin + slot.size.load()) { continue; }
    return slot.name.load();
  }
  return nullptr;
}

void on_bus_error(int number, siginfo_t* info, void* /*context*/) {
  const char* name = name_of(info->si_addr);
  if (name == nullptr) {
    std::signal(number, SIG_DFL);  // not ours: the access runs again and ends the process
    return;
  }
  print("\nuna: ");
  print(name);
  print(
      " was cut shorter, or its disk failed, while it was in use; what is saved so far is good: resume with the "
      "same file as before\n");
  clean_up_at_end();
  ::_exit(2);
}

std::size_t take_slot(const std::string& path, const char* begin, std::size_t size) {
  auto& slots = registry().slots;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const char* free = nullptr;
    if (!slots[i].name.compare_exchange_strong(free, path.c_str())) { continue; }
    slots[i].size = size;
    slots[i].begin = begin;
    return i;
  }
  return kSlots;
}

}  // namespace

WatchedFile::WatchedFile(std::string path, const char* begin, std::size_t size) : path_(std::move(path)) {
  read_version(path_, version_);
  slot_ = take_slot(path_, begin, size);
  const std::lock_guard lock(registry().mutex);
  registry().files.insert(this);
}

WatchedFile::~WatchedFile() {
  if (slot_ < kSlots) {
    Slot& slot = registry().slots[slot_];
    slot.begin = nullptr;
    slot.name = nullptr;
  }
  const std::lock_guard lock(registry().mutex);
  registry().files.erase(this);
  if (registry().changed.empty() && changed()) { registry().changed = path_; }
}

bool WatchedFile::changed() const {
  FileVersion now;
  if (!read_version(path_, now)) { return false; }
  const bool same_file = now.device == version_.device && now.inode == version_.inode;
  return same_file && (now.size != version_.size || now.changed_ns != version_.changed_ns);
}

void check_watched_files() {
  const std::lock_guard lock(registry().mutex);
  for (const WatchedFile* file : registry().files) {
    if (registry().changed.empty() && file->changed()) { registry().changed = file->path(); }
  }
  check_input(
      registry().changed.empty(), registry().changed,
      " was changed while it was in use, so what was computed since cannot be trusted and is not kept; put "
      "the old file back and start again (replace a file by renaming, not by writing over it)");
}

void forget_changed_files() {
  const std::lock_guard lock(registry().mutex);
  registry().changed.clear();
}

void install_bus_error_handler() {
  registry();  // made before a signal needs it
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace una
