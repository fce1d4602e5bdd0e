#pragma once

#include <string>

namespace una {

// Letters beyond ASCII stay as they are, whatever the locale.
constexpr char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower_ascii(std::string text) {
  for (char& c : text) { c = lower_ascii(c); }
  return text;
}

}  // namespace una
