#pragma once

#include <string>

#include "una/base/json.h"

namespace una {

// JSON on one line, always valid UTF-8: bytes that are not become U+FFFD, since answers may be cut within a
// character.
std::string dump_json(const Json& value);
std::string json_line(const Json& value);  // the same with a line break behind it

}  // namespace una
