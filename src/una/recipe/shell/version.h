#pragma once

#include <string>

namespace una::recipe {

// What a bug report needs, in two lines: the program's version and commit; LibTorch, the instruction set of the loops, and
// the allocator.
std::string version_text();

}  // namespace una::recipe
