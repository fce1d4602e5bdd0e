#pragma once

#include <string>
#include <vector>

namespace una {

// The first of `inputs` that is the file `path` (by inode, so links and other spellings count), or a folder that
// holds it; "" when there is none, or nothing is at `path`.
std::string find_same(const std::string& path, const std::vector<std::string>& inputs);

// The first of `inputs` that is the folder `path` or is within it; "" when there is none.
std::string find_within(const std::string& path, const std::vector<std::string>& inputs);

}  // namespace una
