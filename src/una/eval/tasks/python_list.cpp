#include "una/eval/tasks/python_list.h"

#include <charconv>

#include "una/base/format.h"

namespace una::eval {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) { return byte(code); }
  if (code < 0x800) { return byte(0xC0U | code >> 6), byte(0x80U | (code & 0x3FU)); }
  if (code < 0x10000) {
    return byte(0xE0U | code >> 12), byte(0x80U | (code >> 6 & 0x3FU)), byte(0x80U | (code & 0x3FU));
  }
  byte(0xF0U | code >> 18), byte(0x80U | (code >> 12 & 0x3FU));
  byte(0x80U | (code >> 6 & 0x3FU)), byte(0x80U | (code & 0x3FU));
}

// Half of a pair of UTF-16 is not a character, so UTF-8 cannot hold it.
bool is_surrogate(std::uint32_t code) { return code >= 0xD800 && code < 0xE000; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> list() {
    std::vector<std::string> items;
    if (!take('[')) { return std::nullopt; }
    while (!take(']')) {
      std::optional<std::string> item = string();
      if (!item) { return std::nullopt; }
      items.push_back(std::move(*item));
      if (!take(',') && (text_.empty() || text_.front() != ']')) { return std::nullopt; }
    }
    return trim(text_).empty() ? std::optional(items) : std::nullopt;
  }

 private:
  bool take(char c) {
    text_ = trim(text_);
    if (text_.empty() || text_.front() != c) { return false; }
    text_.remove_prefix(1);
    text_ = trim(text_);
    return true;
  }

  std::optional<std::string> string() {
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '\'' && quote != '"') { return std::nullopt; }
    std::string out;
    for (text_.remove_prefix(1); !text_.empty();) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == quote) { return out; }
      if (c == '\n') { return std::nullopt; }
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool escape(std::string& out) {
    if (text_.empty()) { return false; }
    const char c = text_.front();
    text_.remove_prefix(1);
    static constexpr std::string_view kNames = "nrtabfv\\'\"", kValues = "\n\r\t\a\b\f\v\\'\"";
    if (const std::size_t at = kNames.find(c); at != std::string_view::npos) {
      return out += kValues[at], true;
    }
    if (c >= '0' && c <= '7') { return octal(out, c), true; }
    if (c == 'N') { return false; }  // a character by its Unicode name: we have no table of them
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {  // Python keeps the backslash of an escape that it does not know
      if (c != '\n') { (out += '\\') += c; }
      return true;
    }
    std::uint32_t code = 0;
    const std::string_view hex = text_.substr(0, digits);
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    if (hex.size() != digits || error != std::errc() || end != hex.data() + digits || code > 0x10FFFF ||
        is_surrogate(code)) {
      return false;
    }
    text_.remove_prefix(digits);
    append_utf8(out, code);
    return true;
  }

  // Up to three octal digits, of which `first` is one.
  void octal(std::string& out, char first) {
    auto code = static_cast<std::uint32_t>(first - '0');
    for (int more = 0; more < 2 && !text_.empty() && text_.front() >= '0' && text_.front() <= '7'; ++more) {
      code = code * 8 + static_cast<std::uint32_t>(text_.front() - '0');
      text_.remove_prefix(1);
    }
    append_utf8(out, code);
  }

  std::string_view text_;
};

}  // namespace

std::optional<std::vector<std::string>> parse_python_list(std::string_view text) {
  return Reader(text).list();
}

}  // namespace una::eval
