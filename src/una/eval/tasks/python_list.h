#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace una::eval {

// A list of strings as Python prints it, with either kind of quotes and Python's escapes: ['a', "b's"]. nullopt for
// anything else.
std::optional<std::vector<std::string>> parse_python_list(std::string_view text);

}  // namespace una::eval
