// The only source that knows Gloo. LibTorch's wheel has Gloo and c10d's header for it, but not Gloo's own headers:
// third_party/gloo_names declares the names that the header needs.
#include <cstdlib>

#include <torch/headeronly/version.h>

#define USE_C10D_GLOO  // the wheel's library was built with it; its headers do not say so
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupWrapper.hpp>

#include "una/dist/engine.h"

static_assert(TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR == 11,
              "compare third_party/gloo_names with what this version's ProcessGroupGloo.hpp names");

namespace una::dist {
namespace {

using Gloo = c10d::ProcessGroupGloo;

std::shared_ptr<gloo::transport::Device> device_at(const std::string& address) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != 0) { return Gloo::createDeviceForInterface(interface); }
  return Gloo::createDeviceForHostname(address);
}

}  // namespace

EnginePointer make_gloo(const EngineParts& parts) {
  auto options = Gloo::Options::create(parts.deadline);
  options->threads = parts.threads;
  options->devices.push_back(device_at(parts.address));
  return c10::make_intrusive<Gloo>(parts.store, parts.rank, parts.size, std::move(options));
}

EnginePointer make_checked(const EnginePointer& engine, const EnginePointer& helper) {
  return c10::make_intrusive<c10d::ProcessGroupWrapper>(engine, helper);
}

}  // namespace una::dist
