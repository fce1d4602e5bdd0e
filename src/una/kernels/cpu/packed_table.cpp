#include "una/kernels/cpu/packed_table.h"

#include <string_view>

namespace una::kernels::cpu {

extern const PackedTables kDefaultPackedTables;
#if defined(__x86_64__)
extern const PackedTables kAvx512PackedTables, kAvx2PackedTables;
#endif

const PackedTables& packed_tables() {
#if defined(__x86_64__)
  const std::string_view name = tables().name;
  if (name.substr(0, 6) == "avx512") { return kAvx512PackedTables; }
  if (name == "avx2") { return kAvx2PackedTables; }
#endif
  return kDefaultPackedTables;
}

}  // namespace una::kernels::cpu
