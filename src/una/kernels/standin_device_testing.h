#pragma once

#include <cstddef>

#include <c10/core/Device.h>

namespace una::kernels::testing {

// A device for tests on machines without a GPU: PyTorch's "PrivateUse1" backend over memory that the program
// may not read or write. Every operation copies its tensors to the CPU and back. So it finds what a GPU would
// find: a pointer into device memory that is followed on the CPU ends the test, and an operation on tensors
// of several devices throws (a number is free to come from the CPU). Flash attention of packed sequences is
// there with CUDA's meaning (causal from the bottom right). Not found: anything about streams or speed.
c10::Device standin_device();

// What tensors on it may take in all; more throws LibTorch's OutOfMemoryError. 0: no limit (of 4 GB).
void limit_standin_memory(std::size_t bytes);
std::size_t standin_memory_used();

}  // namespace una::kernels::testing
