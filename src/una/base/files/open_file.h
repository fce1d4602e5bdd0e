#pragma once

#include <cstdint>
#include <string>

namespace una {

// A descriptor that the caller closes; `size` gets the bytes of the file. InputError naming the path: it
// cannot be opened, or is not a regular file.
int open_to_read(const std::string& path, std::uint64_t& size);

}  // namespace una
