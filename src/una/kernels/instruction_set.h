#pragma once

#include <string>

namespace una::kernels {

// The instruction set whose loops run here: avx512_bf16 (with or without AMX tiles), avx512, avx2 or default. InputError
// as cpu::tables().
std::string instruction_set();

}  // namespace una::kernels
