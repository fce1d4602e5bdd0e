#include "una/base/heap.h"

#include <malloc.h>

#include "una/base/clock.h"

// tcmalloc's (gperftools/malloc_extension_c.h), where the program is linked with it (cli/CMakeLists.txt).
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace una {

bool has_tcmalloc() { return MallocExtension_ReleaseFreeMemory != nullptr; }

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
  if (!is_largest_) return;
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
