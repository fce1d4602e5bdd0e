#pragma once

#include <memory>

#include "una/net/http.h"

namespace una::net {

// Limits of one try and the key.
struct TransferOptions {
  double timeout = 60;          // seconds of one try, from name look-up to the last byte
  double connect_timeout = 10;  // seconds of them for the connection
  std::string bearer = {};      // secret: sent as "Authorization: Bearer ..."; "" : no such header
};

// Several HTTP requests in flight from one thread (libcurl's multi interface). Connections are kept open
// between requests. Redirects are not followed: a key must not travel to another host. Certificates are
// checked (SSL_CERT_FILE names another bundle); http_proxy, https_proxy and no_proxy hold, except for
// loopback addresses.
class Transfers {
 public:
  // A transfer that has ended, with the tag that it was started with.
  struct Done {
    std::size_t tag = 0;
    Answer answer;
  };

  explicit Transfers(TransferOptions options);
  ~Transfers();  // what is in flight is given up
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void start(const Request& request, std::size_t tag);
  std::size_t in_flight() const;
  // Waits until something is done, at most `seconds`; what is done leaves.
  std::vector<Done> wait(double seconds);
  void give_up();  // what is in flight

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace una::net
