#pragma once

#include <cstdint>

namespace una::kernels {

// Compute threads: `wanted`, or every processor of this process.
void set_threads(std::int64_t wanted);

}  // namespace una::kernels
