#pragma once

#include <cstdint>

namespace una::kernels {

// In which order products are summed. kFixed (CPU): in one that depends on the machine's instructions, the dtype and
// the number of summands alone. A row then has the same bits alone as among others, on any number of threads, in a
// packed batch as over a cache. kFast: in whichever is fastest for the number of rows.
enum class Sums : std::uint8_t { kFast, kFixed };

}  // namespace una::kernels
