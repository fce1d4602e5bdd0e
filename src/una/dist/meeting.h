#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "una/dist/launch.h"

namespace una::dist {

// A rank as the others see it.
struct Peer {
  std::string host, machine;  // its name, and what tells machines apart
  std::string address;        // towards rank 0
};

// Where the ranks met: a store in rank 0, and who has come, by rank.
struct Meeting {
  c10::intrusive_ptr<c10d::TCPStore> store;
  std::vector<Peer> peers;
};

// Waits until every rank has come. The store is in rank 0, so that it is new for each start and ends with the ranks.
// Torchrun's own store outlives restarts with all its keys: it only carries the address of rank 0's, and a stale
// address is recognised because nothing answers there, or with another word. Retryable after `patience`: names the
// ranks that are missing. InputError where two processes take the same rank or the ranks count differently.
Meeting meet(const Launch& launch, std::chrono::milliseconds patience);

// A sentence of c10d without the C++ stack behind it.
std::string first_line(const std::exception& error);

}  // namespace una::dist
