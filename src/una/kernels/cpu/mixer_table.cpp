#include "una/kernels/cpu/mixer_table.h"

#include <string_view>

namespace una::kernels::cpu {

extern const MixerTables kDefaultMixerTables;
#if defined(__x86_64__)
extern const MixerTables kAvx512MixerTables, kAvx2MixerTables;
#endif

const MixerTables& mixer_tables() {
#if defined(__x86_64__)
  const std::string_view name = tables().name;
  if (name.substr(0, 6) == "avx512") { return kAvx512MixerTables; }
  if (name == "avx2") { return kAvx2MixerTables; }
#endif
  return kDefaultMixerTables;
}

}  // namespace una::kernels::cpu
