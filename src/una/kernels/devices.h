#pragma once

#include <cstdint>
#include <string>

#include <c10/core/Device.h>

namespace una::kernels {

// The device that `name` stands for: "cpu", "cuda" (the first card) or "cuda:N". The first call for a card
// loads LibTorch's CUDA libraries, which the program is not linked to: libtorch_cuda.so beside
// libtorch_cpu.so
// (`./dev setup --cuda` puts what that needs in place). InputError, one sentence, on another word, and where
// libraries, driver or card are missing. Call it before anything else could ask LibTorch about cards.
c10::Device open_device(const std::string& name);

// Bytes of a card: in use by tensors now and at most since the last reset, and of the card as a whole. All 0
// for the CPU, whose memory is the process's (base/heap.h).
struct DeviceMemory {
  std::int64_t used = 0, peak = 0, free = 0, total = 0;
};
DeviceMemory device_memory(c10::Device device);
void reset_peak_memory(c10::Device device);

}  // namespace una::kernels
