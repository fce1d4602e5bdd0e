#include "una/run/scale/links.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::run {
namespace {

constexpr double kEthernet = 0.88;  // of the name, for large TCP streams

std::optional<double> leading_number(const std::string& text, std::string& unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  unit.assign(end, text.data() + text.size());
  return error == std::errc() && value > 0 ? std::optional(value) : std::nullopt;
}

// One of `steps` equal messages in each of so many rounds.
Exchange ring_exchange(const GangShape& gang, double bytes, double rounds) {
  if (gang.ranks == 1) { return {}; }
  const double others = static_cast<double>(gang.ranks) - 1;
  const double sent = rounds * bytes * others / static_cast<double>(gang.ranks);
  return {sent / gang.ring() + rounds * others * gang.message, sent};
}

}  // namespace

double parse_rate(const std::string& text, const std::string& key) {
  std::string unit;
  const std::optional<double> value = leading_number(text, unit);
  if (value && unit == "GbE") { return *value * 1e9 / 8 * kEthernet; }
  if (value && (unit == "Gb" || unit == "Gb/s" || unit == "Gbit/s")) { return *value * 1e9 / 8; }
  if (value && (unit == "GB/s" || unit == "GBps")) { return *value * 1e9; }
  if (value && (unit == "TB/s" || unit == "TBps")) { return *value * 1e12; }
  throw InputError(
      cat(key, " is '", text, "': give a rate with its unit, as in 100GbE, 400Gb/s, 11GB/s or 3TB/s"));
}

double parse_memory(const std::string& text, const std::string& key) {
  std::string unit;
  const std::optional<double> value = leading_number(text, unit);
  if (value && (unit == "GB" || unit == "GiB" || unit == "G")) { return *value * 1073741824; }
  if (value && (unit == "MB" || unit == "MiB" || unit == "M")) { return *value * 1048576; }
  throw InputError(cat(key, " is '", text, "': give a size with its unit, as in 80GB or 512MB"));
}

double GangShape::ring() const {
  if (ranks == 1) { return std::numeric_limits<double>::infinity(); }
  if (machines == 1) { return local_link; }
  return ranks > machines ? std::min(link, local_link) : link;
}

Exchange sum_exchange(const GangShape& gang, double bytes) { return ring_exchange(gang, bytes, 2); }
Exchange gather_exchange(const GangShape& gang, double bytes) { return ring_exchange(gang, bytes, 1); }

}  // namespace una::run
