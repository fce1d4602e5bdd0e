#pragma once

#include <cstdint>

namespace una::kernels::detail {

// A buffer of the calling thread of at least so many bytes, aligned to a page. The next call may free it.
void* thread_scratch(std::int64_t bytes);

}  // namespace una::kernels::detail
