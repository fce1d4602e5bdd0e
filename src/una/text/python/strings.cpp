#include "una/text/python/strings.h"

#include <algorithm>

#include "una/base/bridge_call.h"
#include "una/base/error.h"

namespace una::text::python {
namespace {

using TextCall = una_status (*)(una_str, una_text*, una_text*);

std::string call(TextCall function, std::string_view text) {
  una_text out{}, error{};
  bridge::check_status(function(bridge::borrow(text), &out, &error), error, "the text");
  return bridge::take(out);
}

bool has_case(std::string_view text, int question) {
  std::int32_t out = 0;
  una_text error{};
  bridge::check_status(una_python_has_case(bridge::borrow(text), question, &out, &error), error, "the text");
  return out != 0;
}

// Bytes of the white space that begins the text: str.isspace.
std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f)) {
      ++at;
      continue;
    }
    if (c < 0x80) { break; }
    static constexpr std::string_view kWide[] = {
        "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
        "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
    const auto* const found = std::find_if(std::begin(kWide), std::end(kWide), [&](std::string_view space) {
      return text.substr(at, space.size()) == space;
    });
    if (found == std::end(kWide)) { break; }
    at += found->size();
  }
  return at;
}

// Where the character that ends before `end` begins.
std::size_t character_before(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80) { --begin; }
  return begin;
}

}  // namespace

std::string lower(std::string_view text) { return call(una_python_lower, text); }

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const std::size_t begin = character_before(text, text.size());
    const std::string_view last = text.substr(begin);
    if (leading_space(last) != last.size()) { break; }
    text = text.substr(0, begin);
  }
  return text;
}

std::string_view strip(std::string_view text) {
  text.remove_prefix(leading_space(text));
  return strip_right(text);
}

bool is_upper(std::string_view text) { return has_case(text, UNA_IS_UPPER); }
bool is_lower(std::string_view text) { return has_case(text, UNA_IS_LOWER); }
bool is_blank(std::string_view text) { return leading_space(text) == text.size(); }

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  text.remove_prefix(leading_space(text));
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size() && leading_space(text.substr(end)) == 0) {
      ++end;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) { ++end; }
    }
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(leading_space(text));
  }
  return words;
}

std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string language(std::string_view text) { return call(una_language, text); }

}  // namespace una::text::python
