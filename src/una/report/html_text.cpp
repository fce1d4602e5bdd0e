#include "una/report/html_text.h"

#include <cmath>

#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::report {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\0':
        out += "\xEF\xBF\xBD";
        break;  // HTML has no NUL
      default:
        out += c;
    }
  }
  return out;
}

std::string script_json(const Json& json) {
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {  // these three occur in strings only, where \u00xx means the same
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

std::string display_number(double value) {
  if (!std::isfinite(value)) { return "not finite"; }
  const double size = std::abs(value);
  if (value == std::floor(value) && size < 1e15) { return thousands(static_cast<std::int64_t>(value)); }
  if (size >= 10000) { return thousands(std::llround(value)); }
  return significant(value, 4);
}

std::string display_text(const Json& value) {
  if (value.is_string()) { return value.get<std::string>(); }
  if (value.is_number()) { return display_number(value.get<double>()); }
  if (value.is_null()) { return ""; }
  return dump_json(value);
}

}  // namespace una::report
