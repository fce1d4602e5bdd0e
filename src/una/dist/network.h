#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace una::dist {

// The address of the interface that routes to host:port (a UDP connect sends nothing); "" where the name is unknown.
std::string own_address_towards(const std::string& host, std::uint16_t port);
bool is_loopback(const std::string& address);

// Waits until a server listens there: a TCPStore's client that comes too early waits for half a second and more
// before it tries again. False after `patience`. Interrupted after a signal.
bool wait_for_listener(const std::string& host, std::uint16_t port, std::chrono::milliseconds patience);

// A port of this machine that is free now.
std::uint16_t free_port();

}  // namespace una::dist
