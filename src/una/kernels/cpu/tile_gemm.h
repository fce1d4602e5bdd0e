#pragma once

#include <cstdint>

#include "una/kernels/cpu/table.h"

// y = x W^T in bf16 by AMX tiles, sums in fp32. Each number is summed over k in one order (steps of 32, each in the
// order of the machine's instruction), whatever the number of rows and their place. Plain pointers only, as in table.h.
namespace una::kernels::cpu {

// The loops, null where the compiler has no such instructions. Single-threaded and reentrant.
struct TileLoops {
  std::int64_t (*scratch)(const SkinnyGemmTask<Bf16>& task);          // bytes
  void (*multiply)(const SkinnyGemmTask<Bf16>& task, void* scratch);  // scratch: 64-byte aligned
  // Products of blocks (BlockProduct) whose sides are multiples of 16, between begin and end on one thread.
  void (*begin_blocks)();
  BlockProduct block;
  void (*end_blocks)();
};

// Those of this machine; null where it has no AMX for bf16, the process may not use it, or $UNA_CPU_ISA names a set.
// Thread-safe.
const TileLoops* tile_loops();

}  // namespace una::kernels::cpu
