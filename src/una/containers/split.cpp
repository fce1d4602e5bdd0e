#include "una/containers/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::containers {
namespace {

[[noreturn]] void bad_form(const std::string& split) {
  throw InputError(cat("dataset split: \"", split,
                       "\" is not understood; write train, train[:90%], train[90%:] or train[100:200]"));
}

// A bound in rows; "" is `fallback`; below 0 counts from the end.
std::int64_t bound(std::string_view text, std::int64_t fallback, std::int64_t size,
                   const std::string& split) {
  text = trim(text);
  if (text.empty()) { return fallback; }
  const bool percent = text.back() == '%';
  if (percent) { text.remove_suffix(1); }
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) { bad_form(split); }
  if (percent) {
    if (std::abs(value) > 100) { bad_form(split); }
    value = std::llround(static_cast<double>(value) / 100 * static_cast<double>(size));
  }
  return std::clamp<std::int64_t>(value < 0 ? value + size : value, 0, size);
}

}  // namespace

bool is_whole(const std::string& split) { return split.find('[') == std::string::npos; }

std::pair<std::int64_t, std::int64_t> slice_of(const std::string& split, std::int64_t size) {
  if (is_whole(split)) { return {0, size}; }
  const std::size_t open = split.find('['), colon = split.find(':', open);
  if (colon == std::string::npos || split.back() != ']' || open == 0) { bad_form(split); }
  const std::string_view all = split;
  const std::int64_t begin = bound(all.substr(open + 1, colon - open - 1), 0, size, split);
  const std::int64_t end = bound(all.substr(colon + 1, all.size() - colon - 2), size, size, split);
  check_input(begin < end, "dataset split: \"", split, "\" leaves none of the ", size, " rows");
  return {begin, end};
}

}  // namespace una::containers
