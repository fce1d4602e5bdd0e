#pragma once

#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/cpu/mixer_table.h"

namespace una::kernels::detail {

template <class T>
const cpu::MixerTable<T>& mixer_table() {
  const cpu::MixerTables& all = cpu::mixer_tables();
  if constexpr (std::is_same_v<T, float>) { return all.f32; }
  if constexpr (std::is_same_v<T, double>) { return all.f64; }
  if constexpr (std::is_same_v<T, cpu::Bf16>) { return all.bf16; }
}

}  // namespace una::kernels::detail
