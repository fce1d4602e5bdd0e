// The product by AMX tiles, compiled with that machine's options (CMakeLists.txt); null where the compiler has none.
#define UNA_VECTOR_BYTES 64
#include <cstdint>

#include "una/kernels/cpu/tile_gemm.h"

#ifdef __AMX_BF16__
#include <immintrin.h>

namespace una::kernels::cpu {
namespace {

// clang-format off
#include "una/kernels/cpu/vector.inc"
#include "una/kernels/cpu/transpose.inc"
#include "una/kernels/cpu/tile_gemm.inc"
#include "una/kernels/cpu/tile_blocks.inc"
// clang-format on

}  // namespace

extern const TileLoops kTileLoops;
constinit const TileLoops kTileLoops = {.scratch = tile_scratch,
                                        .multiply = multiply_by_tiles,
                                        .begin_blocks = begin_tile_blocks,
                                        .block = tile_block_product,
                                        .end_blocks = end_tile_blocks};

}  // namespace una::kernels::cpu
#else
namespace una::kernels::cpu {
extern const TileLoops kTileLoops;
constinit const TileLoops kTileLoops = {};
}  // namespace una::kernels::cpu
#endif
