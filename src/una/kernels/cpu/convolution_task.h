#pragma once

#include <cstdint>

// The numbers of the CPU loops, and what the loops of short convolutions are given. Like table.h, which includes it, this
// header includes no LibTorch and defines no function bodies.
namespace una::kernels::cpu {

// A bfloat16 as bits; the loops convert it themselves.
struct Bf16 {
  std::uint16_t bits;
};

// See Compute.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
// The type in which T is computed: double for double, else float.
template <class T>
using Compute = typename ComputeType<T>::type;

// A gated short convolution (kernels/mixers/short_convolution.h). bcx [rows][3 channels], inputs [..][channels], weight
// [kernel][channels], bias [channels] or null, taps [rows][kernel]: rows of `inputs`, -1 for none.
template <class T>
struct ConvolutionTask {
  const T *bcx, *inputs, *weight, *bias;
  const std::int64_t* taps;
  std::int64_t rows, channels, kernel;
};
// Its gradients: out [rows][channels] is given, bcx is written, the sums of the others (of the tasks' sizes) are added to.
template <class T>
struct ConvolutionGradients {
  const T* out;
  T* bcx;
  Compute<T>*inputs, *weight, *bias;  // bias: null without one
};

}  // namespace una::kernels::cpu
