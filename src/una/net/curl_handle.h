#pragma once

#include <memory>
#include <string>

namespace una::net {

// Owns a request of libcurl (a CURL*, which is a void*).
struct CurlDeleter {
  void operator()(void* handle) const;
};
using CurlHandle = std::unique_ptr<void, CurlDeleter>;

// A handle with what every request of this program has: http and https only, no signals, our name, certificates
// that are checked (SSL_CERT_FILE names another bundle), the proxies of the environment except for loopback.
CurlHandle make_curl_handle(const std::string& url);

// True if nothing was sent: no such host, no connection, no trusted certificate. `code`: a CURLcode.
bool is_unreachable(int code);

// Whether another try may bring what this HTTP status refused: 408, 425, 429 and 5xx.
bool may_pass_later(int status);

}  // namespace una::net
