#pragma once

#include <cstddef>
#include <string_view>

namespace una {

// The byte at which the first wrong sequence begins (cut off, overlong, a surrogate, beyond U+10FFFF);
// npos when all of the text is UTF-8.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace una
