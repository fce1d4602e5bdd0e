#include "una/base/os/heap.h"

#include <malloc.h>
#include <sys/mman.h>

#include "una/base/clock.h"

// tcmalloc's (gperftools/malloc_extension_c.h), where the program is linked with it (cli/CMakeLists.txt).
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace una {

bool has_tcmalloc() { return MallocExtension_ReleaseFreeMemory != nullptr; }

void prefer_huge_pages(void* begin, std::size_t bytes) {
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const std::size_t before = reinterpret_cast<std::uintptr_t>(begin) % kPage;
  const std::size_t whole = (before + bytes + kPage - 1) / kPage * kPage;
  ::madvise(static_cast<char*>(begin) - before, whole, MADV_HUGEPAGE);  // advice: it may be declined
}

void HeapKeeper::trim() {
  if (has_tcmalloc()) {
    MallocExtension_ReleaseFreeMemory();
  } else {
    ::malloc_trim(0);
  }
  ++trims_;
}

void HeapKeeper::before(std::int64_t size) {
  is_largest_ = size > largest_;
  if (!is_largest_) { return; }
  largest_ = size;
  trim();
}

void HeapKeeper::after() {
  const std::uint64_t resident = current_memory_bytes();
  if (is_largest_) {
    bound_ = resident + resident / 10;
  } else if (resident > bound_) {
    trim();
  }
}

}  // namespace una
