#include "una/kernels/devices.h"

#include <dlfcn.h>

#include <charconv>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/nvidia.h"

namespace una::kernels {
namespace {

// The folder of the LibTorch that this process has loaded.
std::string torch_folder() {
  Dl_info info{};
  const bool found = dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) != 0;
  const std::string path = found && info.dli_fname != nullptr ? info.dli_fname : "";
  return path.substr(0, path.rfind('/'));
}

// Loads the library once; it registers the CUDA implementation of every operation.
void load_cuda() {
  static const std::string trouble = [] {
    const std::string path = torch_folder() + "/libtorch_cuda.so";
    if (!is_file(path)) { return cat(path, " is not there"); }
    return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr ? std::string() : std::string(dlerror());
  }();
  check_input(trouble.empty(), "device cuda: LibTorch's CUDA libraries cannot be loaded (", trouble,
              "); run ./dev setup --cuda, or use --device cpu");
}

std::string no_card() {
  const NvidiaCards cards = nvidia_cards();
  if (cards.driver.empty()) { return "there is no NVIDIA driver on this machine"; }
  return cat("driver ", cards.driver,
             " shows no card that LibTorch 2.11 (CUDA 13: driver 580 or newer) can use");
}

std::int64_t card_number(const std::string& name) {
  if (name == "cuda") { return 0; }
  std::int64_t number = -1;
  const char *begin = name.data() + 5, *end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  check_input(error == std::errc() && stop == end && number >= 0, "device: '", name,
              "' is unknown, choose cpu, cuda or cuda:N");
  return number;
}

std::int64_t current(const c10::CachingDeviceAllocator::StatArray& stat) { return stat[0].current; }

}  // namespace

c10::Device open_device(const std::string& name) {
  if (name == "cpu") { return c10::kCPU; }
  check_input(name == "cuda" || starts_with(name, "cuda:"), "device: '", name,
              "' is unknown, choose cpu, cuda or cuda:N");
  const std::int64_t number = card_number(name);
  load_cuda();
  const int count = static_cast<unsigned char>(c10::impl::getDeviceGuardImpl(c10::kCUDA)->deviceCount());
  check_input(count > 0, "device ", name, ": ", no_card(), "; use --device cpu");
  check_input(number < count, "device ", name, ": this machine has ", count, count == 1 ? " card" : " cards",
              ", counted from cuda:0");
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(number));
  at::globalContext().lazyInitDevice(c10::kCUDA);  // required before memory statistics can be read
  c10::impl::getDeviceGuardImpl(c10::kCUDA)->setDevice(device);
  return device;
}

DeviceMemory device_memory(c10::Device device) {
  if (!device.is_cuda()) { return {}; }
  c10::DeviceAllocator* allocator = c10::getDeviceAllocator(device.type());
  const auto stats = allocator->getDeviceStats(device.index());
  const auto [free, total] = allocator->getMemoryInfo(device.index());
  return {.used = current(stats.allocated_bytes),
          .peak = stats.allocated_bytes[0].peak,
          .free = static_cast<std::int64_t>(free),
          .total = static_cast<std::int64_t>(total)};
}

void reset_peak_memory(c10::Device device) {
  if (device.is_cuda()) { c10::getDeviceAllocator(device.type())->resetPeakStats(device.index()); }
}

}  // namespace una::kernels
