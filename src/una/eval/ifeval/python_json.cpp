#include "una/eval/ifeval/python_json.h"

#include <algorithm>
#include <cstddef>

namespace una::eval::ifeval {
namespace {

constexpr int kDeepest = 900;
constexpr std::size_t kIntegerDigits = 4300;  // sys.get_int_max_str_digits()

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A recursive descent over json/decoder.py's grammar that builds nothing.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool whole() {
    space();
    if (!value(0)) { return false; }
    space();
    return at_ == text_.size();
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) { return false; }
    at_ += word.size();
    return true;
  }
  void space() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) {
      ++at_;
    }
  }

  bool value(int depth) {
    if (depth > kDeepest) { return false; }
    switch (peek()) {
      case '"':
        return string();
      case '{':
        return members('{', '}', depth);
      case '[':
        return members('[', ']', depth);
      default:
        break;
    }
    for (const std::string_view word : {"null", "true", "false", "NaN", "Infinity", "-Infinity"}) {
      if (take(word)) { return true; }
    }
    return number();
  }

  bool members(char open, char close, int depth) {
    at_ += 1;
    space();
    if (peek() == close) { return ++at_, true; }
    while (true) {
      if (open == '{') {
        if (peek() != '"' || !string()) { return false; }
        space();
        if (!take(":")) { return false; }
        space();
      }
      if (!value(depth + 1)) { return false; }
      space();
      if (peek() == close) { return ++at_, true; }
      if (!take(",")) { return false; }
      space();
    }
  }

  bool string() {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') { return ++at_, true; }
      if (static_cast<unsigned char>(c) < 0x20) { return false; }
      if (c == '\\' && !escape()) { return false; }
    }
    return false;
  }

  // At the backslash; leaves at_ on the escape's last byte.
  bool escape() {
    if (++at_ >= text_.size()) { return false; }
    if (text_[at_] != 'u') {
      return std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos;
    }
    const std::string_view hex = text_.substr(at_ + 1, 4);
    at_ += 4;
    return hex.size() == 4 && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  }

  bool number() {
    const std::size_t begin = at_;
    take("-");
    const std::size_t first = at_;
    while (is_digit(peek())) { ++at_; }
    if (at_ == first) { return false; }
    if (text_[first] == '0') { at_ = first + 1; }  // "01" is a 0 with something behind it
    const std::size_t digits = at_ - first;
    const bool fraction = fraction_follows();
    if (fraction) {
      ++at_;
      while (is_digit(peek())) { ++at_; }
    }
    const bool exponent = take_exponent();
    return at_ > begin && (fraction || exponent || digits <= kIntegerDigits);
  }
  bool fraction_follows() const {
    return peek() == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
  }
  bool take_exponent() {
    std::size_t end = at_;
    if (end >= text_.size() || (text_[end] != 'e' && text_[end] != 'E')) { return false; }
    ++end;
    if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) { ++end; }
    const std::size_t first = end;
    while (end < text_.size() && is_digit(text_[end])) { ++end; }
    if (end == first) { return false; }
    at_ = end;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool python_loads(std::string_view text) { return Reader(text).whole(); }

}  // namespace una::eval::ifeval
