#include "una/kernels/instruction_set.h"

#include "una/kernels/cpu/table.h"

namespace una::kernels {

std::string instruction_set() { return cpu::tables().name; }

}  // namespace una::kernels
