#include "una/kernels/cpu/tile_gemm.h"

#include <cstdlib>

#include <ATen/cpu/Utils.h>

namespace una::kernels::cpu {

extern const TileLoops kTileLoops;

namespace {

bool may_use_tiles() {
  const char* named = std::getenv("UNA_CPU_ISA");  // none of the sets that it may name has tiles
  if (kTileLoops.multiply == nullptr || !multiplies_bf16() || (named != nullptr && *named != '\0')) {
    return false;
  }
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto found = capabilities.find("amx_bf16");
  return found != capabilities.end() && found->second.toBool() && at::cpu::init_amx();
}

}  // namespace

const TileLoops* tile_loops() {
  static const bool usable = may_use_tiles();
  return usable ? &kTileLoops : nullptr;
}

}  // namespace una::kernels::cpu
