#pragma once

#include <cstdint>
#include <string>

#include <c10/core/Device.h>

namespace una::kernels {

// The device called `name`: "cpu", "cuda" (the first card) or "cuda:N". The first call for a card loads
// LibTorch's CUDA libraries, which the program is not linked to: libtorch_cuda.so next to libtorch_cpu.so
// (installed by `./dev setup --cuda`). InputError for any other word, and when libraries, driver or card are
// missing. Must be called before any other LibTorch function that looks for cards, because LibTorch caches
// the answer.
c10::Device open_device(const std::string& name);

// Bytes of a card: used by tensors now, their peak since the last reset, and free and total on the whole
// card. All 0 for the CPU, whose memory is that of the process (base/os/heap.h).
struct DeviceMemory {
  std::int64_t used = 0, peak = 0, free = 0, total = 0;
};
DeviceMemory device_memory(c10::Device device);
void reset_peak_memory(c10::Device device);

}  // namespace una::kernels
