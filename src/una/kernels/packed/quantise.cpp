#include "una/kernels/packed/quantise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "una/kernels/cpu/packed_dispatch.h"

namespace una::kernels {
namespace {

using detail::read;
using detail::write;

// bitsandbytes' levels: quantiles of the normal distribution, with an exact zero.
constexpr float kNf4Levels[16] = {-1.0F,
                                  -0.6961928009986877F,
                                  -0.5250730514526367F,
                                  -0.39491748809814453F,
                                  -0.28444138169288635F,
                                  -0.18477343022823334F,
                                  -0.09105003625154495F,
                                  0.0F,
                                  0.07958029955625534F,
                                  0.16093020141124725F,
                                  0.24611230194568634F,
                                  0.33791524171829224F,
                                  0.44070982933044434F,
                                  0.5626170039176941F,
                                  0.7229568362236023F,
                                  1.0F};

// bitsandbytes' create_dynamic_map(): signed 8-bit numbers with a dynamic exponent (arXiv:1511.04561), sorted.
std::vector<float> dynamic_levels() {
  constexpr int kExponents = 7;
  std::vector<float> out{0, 1};
  for (int i = 0; i < kExponents; ++i) {
    const at::Tensor edges = at::linspace(0.1, 1, (1 << i) + 1, at::kFloat);
    const std::int64_t n = edges.size(0) - 1;
    const at::Tensor means = at::div(at::add(edges.narrow(0, 0, n), edges.narrow(0, 1, n)), 2.0);
    const at::Tensor levels = at::mul(means, std::pow(10.0, i - (kExponents - 1)));
    const float* values = read<float>(levels);
    for (std::int64_t k = 0; k < n; ++k) {
      out.push_back(values[k]);
      out.push_back(-values[k]);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The nearest level by way of a table of 65536 steps from -1 to 1, as bitsandbytes' CPU code does: at a border
// between two levels the result is the step's.
class NearestLevel {
 public:
  explicit NearestLevel(const std::vector<float>& levels) : codes_(kSteps) {
    std::size_t code = 0;
    for (int step = 0; step < kSteps; ++step) {
      const float value = -1.0F + (2.0F * static_cast<float>(step)) / static_cast<float>(kSteps - 1);
      while (code + 1 < levels.size() && 0.5F * (levels[code] + levels[code + 1]) < value) { ++code; }
      codes_[static_cast<std::size_t>(step)] = static_cast<std::uint8_t>(code);
    }
  }
  std::uint8_t code(float value) const {
    const float unit = (std::clamp(value, -1.0F, 1.0F) + 1.0F) * 0.5F;
    return codes_[static_cast<std::size_t>(unit * static_cast<float>(kSteps - 1) + 0.5F)];
  }

 private:
  static constexpr int kSteps = 65536;
  std::vector<std::uint8_t> codes_;
};

// Replaces a matrix' scales by 8-bit ones around their mean.
void nest(PackedMatrix& matrix) {
  static const std::vector<float> levels = dynamic_levels();
  static const NearestLevel nearest(levels);
  const at::Tensor mean = at::mean(matrix.absmax), centred = at::sub(matrix.absmax, mean);
  const std::int64_t count = centred.numel(), groups = (count + kNestedBlock - 1) / kNestedBlock;
  matrix.offset = mean.item<float>();
  matrix.nested_block = kNestedBlock;
  matrix.nested_map = at::tensor(levels, at::kFloat);
  matrix.nested_codes = at::empty({count}, at::kByte);
  matrix.nested_absmax = at::empty({groups}, at::kFloat);
  const float* scales = read<float>(centred);
  auto* codes = write<std::uint8_t>(matrix.nested_codes);
  float* absmax = write<float>(matrix.nested_absmax);
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t begin = group * kNestedBlock, end = std::min(begin + kNestedBlock, count);
    float top = 0;
    for (std::int64_t i = begin; i < end; ++i) { top = std::max(top, std::abs(scales[i])); }
    absmax[group] = top;
    const float inverse = 1.0F / top;
    for (std::int64_t i = begin; i < end; ++i) {
      codes[i] = top == 0 ? std::uint8_t{0} : nearest.code(scales[i] * inverse);
    }
  }
  matrix.absmax = at::Tensor();
}

at::Tensor checked(const at::Tensor& weight) {
  check(weight.dim() == 2 && weight.is_cpu() && weight.numel() > 0,
        "quantise: a matrix on the CPU is needed");
  return weight.detach().contiguous();
}

PackedMatrix shape_of(const at::Tensor& values, PackedMatrix::Form form) {
  PackedMatrix out;
  out.form = form;
  out.dtype = values.scalar_type();
  out.rows = values.size(0);
  out.columns = values.size(1);
  return out;
}

}  // namespace

PackedMatrix quantise_nf4(const at::Tensor& weight, bool nested) {
  const at::NoGradGuard no_grad;
  const at::Tensor values = checked(weight);
  PackedMatrix out = shape_of(values, PackedMatrix::Form::kFourBit);
  out.block = kNf4Block;
  out.map = at::tensor(at::ArrayRef<float>(kNf4Levels), at::kFloat);
  out.codes = at::empty({(out.numbers() + 1) / 2}, at::kByte);
  out.absmax = at::empty({out.blocks()}, at::kFloat);
  float bounds[15];
  for (int i = 0; i < 15; ++i) { bounds[i] = (kNf4Levels[i] + kNf4Levels[i + 1]) / 2; }
  auto* codes = write<std::uint8_t>(out.codes);
  float* absmax = write<float>(out.absmax);
  detail::with_type(values.scalar_type(), [&]<class T>() {
    at::parallel_for(0, out.blocks(), 256, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t number = begin * out.block;
      detail::packed_table<T>().four_bit_codes(read<T>(values) + number,
                                               std::min(end * out.block, out.numbers()) - number, out.block,
                                               bounds, codes + number / 2, absmax + begin);
    });
  });
  if (nested) { nest(out); }
  return out;
}

PackedMatrix quantise_int8(const at::Tensor& weight) {
  const at::NoGradGuard no_grad;
  const at::Tensor values = checked(weight);
  PackedMatrix out = shape_of(values, PackedMatrix::Form::kInt8Rows);
  const at::Tensor wide = values.to(at::kFloat);
  out.absmax = at::amax(wide.abs(), {1});
  const at::Tensor scale =
      at::where(out.absmax.gt(0), at::reciprocal(out.absmax).mul(127.0), at::zeros_like(out.absmax));
  out.codes = at::round(at::mul(wide, scale.unsqueeze(1))).to(at::kChar);
  return out;
}

PackedMatrix quantise(const at::Tensor& weight, const Quantisation& how) {
  check(how.any(), "quantise: there is nothing to do");
  return how.kind == Quantisation::Kind::kNf4 ? quantise_nf4(weight, how.nested) : quantise_int8(weight);
}

}  // namespace una::kernels
