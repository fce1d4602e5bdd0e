#include "una/base/heap.h"

#include <malloc.h>

#include "una/base/clock.h"

namespace una {

void HeapKeeper::trim() {
  ::malloc_trim(0);
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
