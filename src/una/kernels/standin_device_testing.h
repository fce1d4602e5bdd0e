#pragma once

#include <cstddef>

#include <c10/core/Device.h>

namespace una::kernels::testing {

// A device for tests on machines without a GPU: PyTorch's "PrivateUse1" backend over memory that the program
// may not read or write. Every operation copies its tensors to the CPU and back. It therefore catches what a
// GPU would: dereferencing a device pointer on the CPU is a crash, and an operation on tensors of several
// devices throws (a 0-dimensional CPU tensor is allowed). Flash attention of packed sequences has CUDA's
// semantics (causal from the bottom right). It does not catch faults of streams, and its speed means nothing.
c10::Device standin_device();

// What tests compare with the CPU: the device that $UNA_TEST_DEVICE names ("cuda"; tools/card_check.py sets it), else the
// stand-in. InputError where that device cannot be used.
c10::Device far_device();

// The bytes that tensors on it may take together; more throws LibTorch's OutOfMemoryError. 0: all 4 GB.
void limit_standin_memory(std::size_t bytes);
std::size_t standin_memory_used();

}  // namespace una::kernels::testing
