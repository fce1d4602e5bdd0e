#pragma once

#include <cstdint>

#include "una/kernels/cpu/mixer_task.h"
#include "una/kernels/cpu/table.h"

// The CPU loops of gated delta rule layers, under table.h's rules.
namespace una::kernels::cpu {

// The loops of one element type.
template <class T>
struct MixerTable {
  using A = Compute<T>;
  // Rows [begin, end) of out [rows][channels] = silu of the sums over the taps; `bcx` and `bias` are not read.
  void (*causal_convolution)(const ConvolutionTask<T>& task, std::int64_t begin, std::int64_t end, T* out);
  // All rows of the channels [begin, end): the weight's sums are added to; `inputs` of the gradients [rows][channels],
  // zeros at first, holds sums and `bcx` gets them rounded.
  void (*causal_convolution_backward)(const ConvolutionTask<T>& task,
                                      const ConvolutionGradients<T>& gradients, std::int64_t begin,
                                      std::int64_t end);
  std::int64_t (*delta_scratch)(const DeltaTask<T>& task, bool backward);  // bytes
  void (*delta_rule)(const DeltaTask<T>& task, void* scratch);             // scratch: 64-byte aligned
  void (*delta_rule_backward)(const DeltaTask<T>& task, void* scratch);
};

// All of one instruction set.
struct MixerTables {
  MixerTable<float> f32;
  MixerTable<double> f64;
  MixerTable<Bf16> bf16;
};

// Those for the instruction set of tables().
const MixerTables& mixer_tables();

}  // namespace una::kernels::cpu
