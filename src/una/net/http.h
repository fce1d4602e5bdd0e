#pragma once

#include <optional>
#include <string>
#include <vector>

namespace una::net {

// A POST of JSON. `headers`: further lines, "Name: value".
struct Request {
  std::string url;
  std::string body;
  std::vector<std::string> headers = {};
};

// What one try brought. Either `status` is set, and then the whole answer is here, or `trouble` says in a few
// words why there is none ("no whole answer within 60 s").
struct Answer {
  int status = 0;
  std::string body;
  std::optional<double> retry_after = {};  // seconds from now
  std::string trouble = {};
  bool unreachable = false;  // nothing was sent: no such host, no connection, no trusted certificate
};

// The part of a URL that may be shown: without user, password, query and fragment.
std::string shown_url(const std::string& url);
// "http", "https" or "", in lower case; and the host without port and brackets.
std::string url_scheme(const std::string& url);
std::string url_host(const std::string& url);
bool is_loopback(const std::string& url);  // localhost, 127.x.y.z, ::1
// InputError naming `what` unless the URL is http:// or https:// with a host.
void check_url(const std::string& url, const std::string& what);

// The secret in an environment variable, trimmed; "" when it is not set. InputError, without showing it, on
// white space and control characters inside. Warns when it would travel to `url` unencrypted.
std::string environment_key(const std::string& variable, const std::string& url);

// Which secret a server wants: the variable's name as the user gave it, and where.
struct KeyPlace {
  std::string variable;     // "": no key
  std::string option;       // the key that names the variable, for messages
  bool is_default = false;  // the default name: a server without encryption may need no key
  std::string url;
  std::string what;  // begins the messages
};
// environment_key() where one is wanted. InputError when the variable is not set but needed (https, or named
// by the user), or holds no name of a variable but, it seems, the key itself; never shows that.
std::string api_key(const KeyPlace& place);

// The value of a Retry-After header: seconds, or an HTTP date. `now`: seconds since 1970. nullopt: neither.
std::optional<double> parse_retry_after(const std::string& value, double now);

// The beginning of a server's words, on one line. Keys are blotted out before (secrets.h; the client does it).
std::string excerpt(const std::string& body);

}  // namespace una::net
