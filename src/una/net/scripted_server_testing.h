#pragma once

// For tests: a server on a free loopback port that says what a script tells it, byte by byte.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::net {

// A request as the scripted server received it.
struct Received {
  std::size_t number = 0;  // of the request, from 0 in the order of arrival
  std::string head, body;
};

// A whole HTTP answer.
inline std::string http_answer(int status, const std::string& body, const std::string& headers = "") {
  return cat("HTTP/1.1 ", status, " X\r\nContent-Type: application/json\r\nContent-Length: ", body.size(),
             "\r\nConnection: close\r\n", headers, "\r\n", body);
}

// An answer that promises more bytes than it brings.
inline std::string half_answer(const std::string& body) {
  return cat("HTTP/1.1 200 X\r\nContent-Length: ", body.size(), "\r\n\r\n", body.substr(0, body.size() / 2));
}

// An HTTP server on loopback that answers by a script, for tests of clients. Thread-safe.
class ScriptedServer {
 public:
  // Called from several threads. The bytes are sent, then the connection is closed; nullopt: silence until
  // the server goes.
  using Script = std::function<std::optional<std::string>(const Received&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    check(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "test server: bind");
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    check(::listen(socket_, 64) == 0, "test server: listen");
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    ::shutdown(socket_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) { thread.join(); }
    ::close(socket_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url(const std::string& path = "/") const { return cat("http://127.0.0.1:", port_, path); }
  std::size_t most_at_once() const { return most_; }
  std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  std::size_t requests() const { return received().size(); }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void accept_all() {
    while (true) {
      const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) { return; }
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  // Head and body by Content-Length; false when the client left.
  static bool read_request(int connection, Received& request) {
    std::string bytes;
    std::size_t end = std::string::npos, wanted = 0;
    char buffer[4096];
    while (end == std::string::npos || bytes.size() < end + 4 + wanted) {
      const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
      if (count <= 0) { return false; }
      bytes.append(buffer, static_cast<std::size_t>(count));
      if (end != std::string::npos) { continue; }
      end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) { continue; }
      const std::size_t length = bytes.find("Content-Length: ");
      if (length < end) { wanted = std::stoul(bytes.substr(length + 16)); }
    }
    request.head = bytes.substr(0, end);
    request.body = bytes.substr(end + 4);
    return true;
  }

  void serve(int connection) {
    Received request;
    if (read_request(connection, request)) {
      {
        const std::lock_guard lock(mutex_);
        request.number = received_.size();
        received_.push_back(request);
        most_ = std::max<std::size_t>(most_, ++serving_);
      }
      const std::optional<std::string> bytes = script_(request);
      {
        std::unique_lock lock(mutex_);
        --serving_;
        if (!bytes) {
          wake_.wait(lock, [this] { return stop_; });
        }
      }
      if (bytes) { ::send(connection, bytes->data(), bytes->size(), MSG_NOSIGNAL); }
    }
    ::shutdown(connection, SHUT_WR);
    ::close(connection);
  }

  Script script_;
  int socket_ = -1, port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> threads_;  // touched by the acceptor, then by the destructor
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Received> received_;
  std::size_t serving_ = 0;
  std::atomic<std::size_t> most_ = 0;
  bool stop_ = false;
};

}  // namespace una::net
