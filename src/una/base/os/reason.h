#pragma once

#include <cstring>
#include <string>

namespace una {

// What errno means, in words. Take it right after the call that failed: later calls overwrite it.
inline std::string reason_of(int error_number) { return std::strerror(error_number); }

}  // namespace una
