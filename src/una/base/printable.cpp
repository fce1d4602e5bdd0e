#include "una/base/printable.h"

#include <array>
#include <cstdio>
#include <vector>

#include "una/base/format.h"
#include "una/base/utf8.h"

namespace una {
namespace {

std::string as_hex(unsigned char byte) {
  std::array<char, 8> out{};
  std::snprintf(out.data(), out.size(), "\\x%02x", byte);
  return out.data();
}

// Bytes of the control at `i`, 0 where there is none: the controls of ISO 6429, which are C0 (but for newline and tab),
// DEL, and C1, which UTF-8 writes as c2 80 to c2 9f; Unicode's marks of direction, which show a text in another order
// than it has (e2 80 aa to ae, e2 81 a6 to a9), and its breaks of lines and paragraphs (e2 80 a8 and a9).
std::size_t control_at(std::string_view text, std::size_t i) {
  const auto byte_at = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const auto byte = byte_at(i), second = byte_at(i + 1), third = byte_at(i + 2);
  if (byte < 0x20) { return byte != '\n' && byte != '\t' ? 1 : 0; }
  if (byte == 0x7f) { return 1; }
  if (byte == 0xc2) { return second >= 0x80 && second < 0xa0 ? 2 : 0; }
  const bool turns = (second == 0x80 && third >= 0xa8 && third <= 0xae) ||
                     (second == 0x81 && third >= 0xa6 && third <= 0xa9);
  return byte == 0xe2 && turns ? 3 : 0;
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
    } else if (const std::size_t size = control_at(text, i); size > 0) {
      for (const char each : text.substr(i, size)) { out += as_hex(static_cast<unsigned char>(each)); }
      i += size - 1;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The half of a letter at either edge of the gap is shown as hex later.
std::string without_middle(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) { return std::string(text); }
  const std::size_t half = limit / 2;
  return cat(text.substr(0, half), " ... (", thousands(static_cast<std::int64_t>(text.size() - 2 * half)),
             " bytes left out) ... ", text.substr(text.size() - half));
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  constexpr std::size_t kLongestLine = 2048;  // a value or name of a file can be as long as the file
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n')) { lines.push_back(without_middle(line, kLongestLine)); }
  return escaped(without_middle(join(lines, "\n"), limit));
}

}  // namespace una
