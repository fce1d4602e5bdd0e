#include "una/base/files/end_cleanup.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "una_bridge.h"

namespace una {
namespace {

// kBusy: being filled or emptied, by one thread.
enum State : int { kFree, kBusy, kSet };

struct Slot {
  std::atomic<int> state = kFree;
  CleanedAtEnd::Kind kind{};
  pid_t owner = 0;
  std::array<char, 1000> path{};
};

constexpr std::size_t kSlots = 1000;

// Global because a signal handler and an allocator have nothing else.
std::array<Slot, kSlots>& slots() {
  static std::array<Slot, kSlots> all;
  return all;
}

// An entry as getdents64(2) writes it.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// readdir(3) would allocate.
void remove_files_of(const char* folder) {
  const int file = ::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) { return; }
  alignas(Entry) std::array<char, 4096> bytes{};
  for (long size = 0; (size = ::syscall(SYS_getdents64, file, bytes.data(), bytes.size())) > 0;) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(bytes.data() + at);
      ::unlinkat(file, bytes.data() + at + offsetof(Entry, name), 0);
      at += entry->size;
    }
  }
  ::close(file);
}

void remove(const Slot& slot) {
  if (slot.kind == CleanedAtEnd::Kind::kFile) {
    ::unlink(slot.path.data());
    return;
  }
  if (slot.kind == CleanedAtEnd::Kind::kFolderWithFiles) { remove_files_of(slot.path.data()); }
  ::rmdir(slot.path.data());
}

}  // namespace

CleanedAtEnd::CleanedAtEnd(const std::string& path, Kind kind) : slot_(kSlots) {
  if (path.size() >= Slot{}.path.size()) { return; }
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = slots()[i];
    int state = kFree;
    if (!slot.state.compare_exchange_strong(state, kBusy)) { continue; }
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.kind = kind;
    slot.owner = ::getpid();
    slot.state = kSet;
    slot_ = i;
    return;
  }
}

CleanedAtEnd::~CleanedAtEnd() {
  int state = kSet;
  if (slot_ < kSlots && slots()[slot_].state.compare_exchange_strong(state, kBusy)) {
    slots()[slot_].state = kFree;
  }
}

void clean_up_at_end() noexcept {
  for (const bool now_folders : {false, true}) {
    for (Slot& slot : slots()) {
      int state = kSet;
      const bool is_due = slot.state == kSet && slot.owner == ::getpid() &&
                          (slot.kind == CleanedAtEnd::Kind::kEmptyFolder) == now_folders;
      if (is_due && slot.state.compare_exchange_strong(state, kBusy)) { remove(slot); }
    }
  }
}

void install_end_cleanup() {
  slots();  // made before anything needs it
  una_on_end(clean_up_at_end);
}

}  // namespace una
