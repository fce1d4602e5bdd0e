#include "una/base/duration.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una {
namespace {

std::optional<long> parse_count(const std::string& text) {
  long out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool is_count = error == std::errc() && end == text.data() + text.size() && text[0] != '-';
  return is_count && text.size() <= 9 ? std::optional(out) : std::nullopt;
}

// nullopt: not of the form; the first part of h:m:s may be any number, the others are below 60.
std::optional<double> parse_clock(const std::string& text) {
  double seconds = 0;
  bool first = true;
  const std::vector<std::string> parts = split(text, ':');
  for (const std::string& part : parts) {
    const std::optional<long> count = parse_count(part);
    if (!count || (!first && *count >= 60)) { return std::nullopt; }
    seconds = seconds * 60 + static_cast<double>(*count);
    first = false;
  }
  return parts.size() <= 3 ? std::optional(seconds) : std::nullopt;
}

std::optional<double> parse(const std::string& text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string::npos) { return parse_clock(text); }
  const std::optional<long> days = parse_count(text.substr(0, dash));
  const std::string rest = text.substr(dash + 1);
  const std::optional<double> clock = parse_clock(rest);
  const bool is_whole = std::count(rest.begin(), rest.end(), ':') == 2;
  if (!days || !clock || !is_whole) { return std::nullopt; }
  return static_cast<double>(*days) * 86400 + *clock;
}

}  // namespace

double parse_duration(const std::string& text, const std::string& name) {
  const std::optional<double> seconds = parse(text);
  check_input(seconds && *seconds > 0, name, " is '", text,
              "': give hours:minutes:seconds, as in 03:45:00, or seconds");
  return *seconds;
}

}  // namespace una
