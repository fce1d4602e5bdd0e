#include "una/net/http.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"

namespace una::net {
namespace {

constexpr std::size_t kExcerpt = 200;  // bytes of a server's words in a message

// user:password@host:port
std::string authority(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) { return ""; }
  return url.substr(begin + 3, url.find_first_of("/?#", begin + 3) - begin - 3);
}

}  // namespace

std::string url_scheme(const std::string& url) {
  const std::size_t end = url.find("://");
  return end == std::string::npos ? "" : lower_ascii(url.substr(0, end));
}

std::string url_host(const std::string& url) {
  std::string host = authority(url);
  if (const std::size_t at = host.rfind('@'); at != std::string::npos) { host.erase(0, at + 1); }
  if (starts_with(host, "[")) { return lower_ascii(host.substr(1, host.find(']') - 1)); }
  return lower_ascii(host.substr(0, host.find(':')));
}

bool is_loopback(const std::string& url) {
  const std::string host = url_host(url);
  return host == "localhost" || host == "::1" || starts_with(host, "127.");
}

std::string shown_url(const std::string& url) {
  std::string shown = url.substr(0, url.find_first_of("?#"));
  const std::string whole = authority(url);
  const std::size_t at = whole.rfind('@');
  if (at != std::string::npos) { shown.erase(url.find("://") + 3, at + 1); }
  return shown;
}

void check_url(const std::string& url, const std::string& what) {
  const std::string scheme = url_scheme(url);
  const bool good = (scheme == "http" || scheme == "https") && !url_host(url).empty();
  check_input(good && url.find_first_of(" \t\r\n") == std::string::npos, what, ": '", shown_url(url),
              "' is not an address; http://HOST[:PORT]/PATH or https:// is needed");
}

std::string environment_key(const std::string& variable, const std::string& url) {
  const char* value = std::getenv(variable.c_str());
  const std::string key = value == nullptr ? "" : std::string(trim(value));
  check_input(std::none_of(key.begin(), key.end(), [](unsigned char c) { return c <= 0x20U || c == 0x7FU; }),
              "the environment variable ", variable, " holds white space or control characters");
  if (!key.empty() && url_scheme(url) != "https" && !is_loopback(url)) {
    log_warning(cat("the key in ", variable, " travels unencrypted to ", shown_url(url)));
  }
  return key;
}

std::string api_key(const KeyPlace& place) {
  const std::string& name = place.variable;
  if (name.empty()) { return ""; }
  // A key pasted here by mistake must not be shown.
  const bool is_name =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  check_input(is_name, place.what, ": ", place.option,
              " must be the name of an environment variable, not the key");
  std::string key = environment_key(name, place.url);
  const bool optional = place.is_default && url_scheme(place.url) != "https";
  // A key of plain letters and digits could be given too.
  const bool looks_like_name =
      name.size() <= 40 &&
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return std::islower(c) != 0; });
  check_input(!key.empty() || optional, place.what, ": the environment variable ",
              looks_like_name ? cat(name, " (", place.option, ")") : cat("named by ", place.option),
              " is not set");
  return key;
}

std::optional<double> parse_retry_after(const std::string& value, double now) {
  const std::string text(trim(value));
  if (text.empty()) { return std::nullopt; }
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  if (end != text.c_str() && *end == '\0') {
    if (!std::isfinite(seconds) || seconds < 0) { return std::nullopt; }
    return seconds;
  }
  std::tm date{};
  if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) { return std::nullopt; }
  return std::max(0.0, static_cast<double>(::timegm(&date)) - now);
}

std::string excerpt(const std::string& body) {
  std::string line;
  for (const char c : body) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space && static_cast<unsigned char>(c) < 0x20U) { continue; }
    if (space && (line.empty() || line.back() == ' ')) { continue; }
    line += space ? ' ' : c;
  }
  if (line.size() <= kExcerpt) { return line; }
  std::size_t cut = kExcerpt;
  while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0U) == 0x80U) { --cut; }
  return line.substr(0, cut) + "...";
}

}  // namespace una::net
