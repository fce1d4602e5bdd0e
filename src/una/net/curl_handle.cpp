#include "una/net/curl_handle.h"

#include <cstdlib>

#include <curl/curl.h>

#include "una/base/error.h"
#include "una/net/http.h"

namespace una::net {

void CurlDeleter::operator()(void* handle) const { curl_easy_cleanup(handle); }

CurlHandle make_curl_handle(const std::string& url) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(ready == CURLE_OK, "libcurl cannot be initialised");
  CurlHandle owner(curl_easy_init());
  CURL* handle = owner.get();
  check(handle != nullptr, "libcurl: no easy handle");
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "una/" UNA_VERSION);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  if (is_loopback(url)) { curl_easy_setopt(handle, CURLOPT_NOPROXY, "*"); }
  if (const char* bundle = std::getenv("SSL_CERT_FILE"); bundle != nullptr && *bundle != '\0') {
    curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
  }
  return owner;
}

bool is_unreachable(int code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CACERT_BADFILE;
}

bool may_pass_later(int status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

}  // namespace una::net
