#pragma once

#include <string>
#include <string_view>

#include "una/base/json.h"

namespace una::report {

// Text between tags or inside a quoted attribute: & < > " ' are escaped. Everything that comes out of a run
// folder passes through here; prompts and answers are anybody's text.
std::string escaped(std::string_view text);

// JSON inside a <script> element: plain ASCII, and no '<', '>' or '&' that could end the element.
std::string script_json(const Json& json);

// A value as a reader wants it: text as it is, numbers with four significant digits, anything else as JSON.
std::string display_text(const Json& value);
std::string display_number(double value);  // "not finite" for NaN and infinities

}  // namespace una::report
