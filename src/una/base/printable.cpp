#include "una/base/printable.h"

#include <array>
#include <cstdio>

#include "una/base/format.h"
#include "una/base/utf8.h"

namespace una {
namespace {

std::string as_hex(unsigned char byte) {
  std::array<char, 8> out{};
  std::snprintf(out.data(), out.size(), "\\x%02x", byte);
  return out.data();
}

// The controls of ISO 6429: C0 (but for newline and tab), DEL, and C1, which UTF-8 writes as c2 80 to c2 9f.
bool is_control(std::string_view text, std::size_t i) {
  const auto byte = static_cast<unsigned char>(text[i]);
  if (byte < 0x20) { return byte != '\n' && byte != '\t'; }
  if (byte == 0x7f) { return true; }
  return byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
}

std::string escaped(std::string_view text) {
  std::string out;
  std::size_t valid = find_invalid_utf8(text);  // up to here
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == valid) {
      out += as_hex(byte);
      const std::size_t next = find_invalid_utf8(text.substr(i + 1));
      valid = next == std::string_view::npos ? next : i + 1 + next;
    } else if (is_control(text, i)) {
      out += as_hex(byte);
      if (byte == 0xc2) { out += as_hex(static_cast<unsigned char>(text[++i])); }
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) { return escaped(text); }
  // The half cut through at either edge of the gap is shown as hex.
  const std::size_t half = limit / 2;
  return cat(escaped(text.substr(0, half)), " ... (",
             thousands(static_cast<std::int64_t>(text.size() - 2 * half)), " bytes left out) ... ",
             escaped(text.substr(text.size() - half)));
}

}  // namespace una
