#include "una/kernels/instruction_set.h"

#include "una/kernels/cpu/table.h"
#include "una/kernels/cpu/tile_gemm.h"

namespace una::kernels {

std::string instruction_set() {
  const std::string name = cpu::tables().name;
  return cpu::tile_loops() != nullptr ? name + " and AMX tiles" : name;
}

}  // namespace una::kernels
