#pragma once

#include <string>

#include "una/base/json.h"

namespace una {

// JSON on one line, always valid UTF-8: bytes that are not become U+FFFD, since answers may be cut within a
// character.
std::string dump_json(const Json& value);
std::string json_line(const Json& value);  // the same with a line break behind it
std::string print_json(
    const Json& value);  // indented, for a file that people read too; ends with a line break

}  // namespace una
