#pragma once

// For tests: a caller that sends any bytes to a server on a loopback port.

#include <chrono>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "una/base/error.h"

namespace una::net {

// A connection that sends exactly the bytes it is given, for tests of malformed requests. One thread.
class RawClient {
 public:
  explicit RawClient(int port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
          "test client: connect");
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void close() {
    if (socket_ >= 0) { ::close(std::exchange(socket_, -1)); }
  }
  // False: the server has closed.
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) { return false; }
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }
  // What comes until the server closes, `until` has come, or nothing has for `seconds`.
  std::string receive(double seconds, const std::string& until = "") {
    std::string out;
    char buffer[65536];
    while (until.empty() || out.find(until) == std::string::npos) {
      pollfd ready{socket_, POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(1000 * seconds)) <= 0) { return out; }
      const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) {
        closed_ = true;
        return out;
      }
      out.append(buffer, static_cast<std::size_t>(count));
    }
    return out;
  }
  bool closed() const { return closed_; }  // the server's end was seen by receive()

 private:
  int socket_;
  bool closed_ = false;
};

}  // namespace una::net
