#pragma once

#include <cstdint>

namespace una::kernels {

// Compute threads: `wanted`, or, for 0, every processor of this process. InputError on an absurd number.
void set_threads(std::int64_t wanted);

}  // namespace una::kernels
