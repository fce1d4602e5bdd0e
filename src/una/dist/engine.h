#pragma once

#include <chrono>
#include <string>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace una::dist {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using EnginePointer = c10::intrusive_ptr<c10d::Backend>;

// What an engine is made of.
struct EngineParts {
  StorePointer store;
  int rank = 0, size = 1;
  std::string address;  // this rank's own, towards rank 0
  std::chrono::milliseconds deadline{0};
  int threads = 2;
};

// Collectives between processes without cards. GLOO_SOCKET_IFNAME names the interface where it is set; else the one
// of `address` is used: by Gloo's own default the other machines would be told where the host name points to, which is
// often 127.0.x.1.
EnginePointer make_gloo(const EngineParts& parts);

// Compares every call's kind, type and shape over `helper` first: where they differ the error names both calls.
EnginePointer make_checked(const EnginePointer& engine, const EnginePointer& helper);

}  // namespace una::dist
