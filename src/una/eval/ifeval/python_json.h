#pragma once

#include <string_view>

namespace una::eval::ifeval {

// Whether Python's json.loads takes the text. It takes more than JSON: NaN, Infinity, numbers of any size, lone
// surrogates as escapes, a member twice. Nested more than 900 deep counts as not taken: there Python stops by an error.
bool python_loads(std::string_view text);

}  // namespace una::eval::ifeval
