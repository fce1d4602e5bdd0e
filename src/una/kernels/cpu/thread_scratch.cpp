#include "una/kernels/cpu/thread_scratch.h"

#include <cstdlib>
#include <memory>

#include "una/base/error.h"

namespace una::kernels::detail {

void* thread_scratch(std::int64_t bytes) {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  thread_local std::unique_ptr<void, Free> buffer;
  thread_local std::int64_t size = 0;
  if (bytes > size) {
    size = (bytes + 4095) / 4096 * 4096;
    buffer.reset();
    buffer.reset(std::aligned_alloc(4096, static_cast<std::size_t>(size)));
    check(buffer != nullptr, "kernels: out of memory");
  }
  return buffer.get();
}

}  // namespace una::kernels::detail
