#include "una/dist/network.h"

#include <array>
#include <memory>
#include <thread>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"

namespace una::dist {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& host, std::uint16_t port, int kind) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = kind;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) { found = nullptr; }
  return {found, &::freeaddrinfo};
}

// A socket that is closed at the end.
class Socket {
 public:
  explicit Socket(const addrinfo& address, int kind)
      : file_(::socket(address.ai_family, kind | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (file_ >= 0) { ::close(file_); }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int file() const { return file_; }
  bool connect(const addrinfo& address) const {
    return file_ >= 0 && ::connect(file_, address.ai_addr, address.ai_addrlen) == 0;
  }

 private:
  int file_;
};

std::string local_name(int file) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  std::array<char, NI_MAXHOST> text{};
  auto* address = reinterpret_cast<sockaddr*>(&own);
  if (::getsockname(file, address, &size) != 0 ||
      ::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return "";
  }
  return text.data();
}

}  // namespace

std::string own_address_towards(const std::string& host, std::uint16_t port) {
  const Addresses found = resolve(host, port, SOCK_DGRAM);
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    const Socket probe(*each, SOCK_DGRAM);
    if (!probe.connect(*each)) { continue; }
    if (const std::string name = local_name(probe.file()); !name.empty()) { return name; }
  }
  return "";
}

bool is_loopback(const std::string& address) { return starts_with(address, "127.") || address == "::1"; }

bool wait_for_listener(const std::string& host, std::uint16_t port, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    const Addresses found = resolve(host, port, SOCK_STREAM);
    for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
      if (Socket(*each, SOCK_STREAM).connect(*each)) { return true; }
    }
    if (interrupted()) { throw Interrupted("stopped while it waited for rank 0; nothing was written"); }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

std::uint16_t free_port() {
  const Addresses loopback = resolve("127.0.0.1", 0, SOCK_STREAM);
  check(loopback != nullptr, "127.0.0.1 cannot be resolved");
  const Socket socket(*loopback, SOCK_STREAM);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool bound = socket.file() >= 0 &&
                     ::bind(socket.file(), loopback->ai_addr, loopback->ai_addrlen) == 0 &&
                     ::getsockname(socket.file(), reinterpret_cast<sockaddr*>(&own), &size) == 0;
  check(bound, "this machine has no free port");
  return ntohs(own.sin_port);
}

}  // namespace una::dist
