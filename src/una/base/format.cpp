#include "una/base/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace una {
namespace {

std::string printf_string(const char* pattern, int digits, double value) {
  std::array<char, 400> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, digits, value);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max(length, 0)));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string fixed(double value, int digits) { return printf_string("%.*f", digits, value); }

std::string significant(double value, int digits) { return printf_string("%.*g", digits, value); }

std::string thousands(std::int64_t value) {
  std::string text = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string human_bytes(double bytes) {
  const std::array<const char*, 5> units = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : 1) + " " + units[unit];
}

std::string human_seconds(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  const std::int64_t hours = total / 3600;
  const std::int64_t minutes = total / 60 % 60;
  std::array<char, 48> buffer{};
  if (hours > 0) {
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02lld:%02lld", static_cast<long long>(hours),
                  static_cast<long long>(minutes), static_cast<long long>(total % 60));
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02lld", static_cast<long long>(minutes),
                  static_cast<long long>(total % 60));
  }
  return buffer.data();
}

std::string percent(double part, double whole) {
  return fixed(whole == 0 ? 0.0 : 100 * part / whole, 1) + " %";
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) { return parts; }
    begin = end + 1;
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) { text += separator; }
    text += parts[i];
  }
  return text;
}

std::string_view trim(std::string_view text) {
  const char* const spaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos) { return {}; }
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

namespace {

// The one candidate that goes on where `name` ends: overwrite_output_dir for overwrite.
std::string only_continuation(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr std::size_t kShortest = 4;  // letters that tell a name from others
  const auto goes_on = [&](const std::string& candidate) { return starts_with(candidate, name); };
  const auto found = std::find_if(candidates.begin(), candidates.end(), goes_on);
  const bool is_one =
      found != candidates.end() && std::find_if(found + 1, candidates.end(), goes_on) == candidates.end();
  return name.size() >= kShortest && is_one ? *found : "";
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = name.size() + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t limit = std::max<std::size_t>(2, std::max(name.size(), candidate.size()) / 3);
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= limit && distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best.empty() ? only_continuation(name, candidates) : best;
}

}  // namespace una
