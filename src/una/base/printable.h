#pragma once

#include <string>
#include <string_view>

namespace una {

// `text` as a terminal may see it: control characters of untrusted files (escape sequences set titles, hide text)
// become visible as \x1b, wrong UTF-8 too. Newlines and tabs stay. What is longer than `limit` bytes loses its
// middle, which a count replaces.
std::string printable(std::string_view text, std::size_t limit = 16384);

}  // namespace una
