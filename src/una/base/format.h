#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace una {

// The parts written one after the other: cat("row ", 3, ": ", name). (g++ 12 has no std::format.)
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

std::string fixed(double value, int digits);        // 3.14159, 2 -> "3.14"
std::string significant(double value, int digits);  // 0.000123456, 3 -> "0.000123"
std::string thousands(std::int64_t value);          // 1234567 -> "1,234,567"
std::string human_bytes(double bytes);              // 1536 -> "1.5 KB"
std::string human_seconds(double seconds);          // 3725 -> "1:02:05", 65 -> "1:05"
std::string percent(double part, double whole);     // "12.3 %"; whole 0 gives "0.0 %"

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);

// The candidate with the smallest edit distance, or "" when none is near (distance over a third of the
// length).
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace una
