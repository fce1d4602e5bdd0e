// The frequencies of each rope type: transformers' modeling_rope_utils, operation by operation, so that the
// bits are equal.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/rope_table.h"

namespace una::model {
namespace {

std::vector<float> values_of(const at::Tensor& frequencies) {
  const at::Tensor whole = frequencies.contiguous();
  const float* data = whole.const_data_ptr<float>();
  return {data, data + whole.numel()};
}

// 0, 2, 4, ... over dim.
at::Tensor exponents(std::int64_t dim) {
  return at::arange(0, dim, 2, at::kFloat).div(static_cast<double>(dim));
}

at::Tensor powers(double theta, std::int64_t dim) { return at::pow(at::Scalar(theta), exponents(dim)); }

// Llama 3.1: long wavelengths are stretched by `factor`, short ones stay, and those in between are blended.
float llama3_frequency(float frequency, const RopeSpec& spec) {
  const auto length = static_cast<float>(spec.original_max_positions);
  const auto low = static_cast<float>(spec.low_freq_factor), high = static_cast<float>(spec.high_freq_factor);
  const auto factor = static_cast<float>(spec.factor);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < length / high) { return frequency; }
  if (wavelength > length / low) { return frequency / factor; }
  const float smooth = (length / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

std::vector<float> llama3(const RopeSpec& spec, std::int64_t dim) {
  check_input(spec.original_max_positions > 0 && spec.factor > 0 &&
                  spec.high_freq_factor != spec.low_freq_factor && spec.low_freq_factor > 0,
              "config.json: rope type llama3 needs factor, low_freq_factor, high_freq_factor and "
              "original_max_position_embeddings");
  std::vector<float> out = values_of(at::reciprocal(powers(spec.theta, dim)));
  for (float& frequency : out) { frequency = llama3_frequency(frequency, spec); }
  return out;
}

// NTK-aware: the base grows with the sequence. `length` 0: a sequence within max_positions.
std::vector<float> dynamic(const RopeSpec& spec, std::int64_t dim, std::int64_t max_positions,
                           std::int64_t length) {
  check_input(spec.factor > 0 && dim > 2,
              "config.json: rope type dynamic needs a factor and head_dim above 2");
  const double power = static_cast<double>(dim) / static_cast<double>(dim - 2);
  const auto most = static_cast<double>(max_positions);
  if (length == 0) {
    const double growth = spec.factor * most / most - (spec.factor - 1);
    return values_of(at::reciprocal(powers(spec.theta * std::pow(growth, power), dim)));
  }
  // In transformers the length is a tensor here, so the base is computed in fp32.
  const at::Tensor growth =
      at::scalar_tensor(at::Scalar(length), at::kLong).mul(spec.factor).div(most).sub(spec.factor - 1);
  const at::Tensor base = growth.pow(power).mul(spec.theta);
  return values_of(at::reciprocal(at::pow(base, exponents(dim))));
}

double yarn_scale(double factor, double scale = 1) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

double yarn_attention_factor(const RopeSpec& spec) {
  if (spec.attention_factor > 0) { return spec.attention_factor; }
  if (spec.mscale != 0 && spec.mscale_all_dim != 0) {
    return yarn_scale(spec.factor, spec.mscale) / yarn_scale(spec.factor, spec.mscale_all_dim);
  }
  return yarn_scale(spec.factor);
}

// Dimensions that rotate more than beta_fast times over the original length keep their frequency, those below
// beta_slow are divided by the factor, and those in between are blended along a ramp.
RopeFrequencies yarn(const RopeSpec& spec, std::int64_t dim) {
  check_input(spec.factor > 0 && spec.original_max_positions > 0 && spec.beta_fast > 0 && spec.beta_slow > 0,
              "config.json: rope type yarn needs factor and original_max_position_embeddings");
  const auto size = static_cast<double>(dim);
  const auto correction = [&](double rotations) {
    const double length = static_cast<double>(spec.original_max_positions);
    return size * std::log(length / (rotations * 2 * std::numbers::pi)) / (2 * std::log(spec.theta));
  };
  double low = correction(spec.beta_fast), high = correction(spec.beta_slow);
  if (spec.truncate) { low = std::floor(low), high = std::ceil(high); }
  low = std::max(low, 0.0), high = std::min(high, size - 1);
  if (low == high) { high += 0.001; }
  const at::Tensor ramp = at::arange(dim / 2, at::kFloat).sub(low).div(high - low).clamp(0, 1);
  const at::Tensor kept = 1 - ramp, base = powers(spec.theta, dim);
  const at::Tensor mixed = at::reciprocal(base * spec.factor) * (1 - kept) + at::reciprocal(base) * kept;
  return {values_of(mixed), yarn_attention_factor(spec)};
}

RopeFrequencies longrope(const RopeSpec& spec, std::int64_t dim, std::int64_t max_positions, bool is_long) {
  check_input(std::ssize(spec.short_factor) == dim / 2 && std::ssize(spec.long_factor) == dim / 2 &&
                  spec.original_max_positions > 0,
              "config.json: rope type longrope needs original_max_position_embeddings, and short_factor and "
              "long_factor of ",
              dim / 2, " numbers");
  const auto original = static_cast<double>(spec.original_max_positions);
  const double factor = spec.factor > 0 ? spec.factor : static_cast<double>(max_positions) / original;
  double scale = spec.attention_factor;
  if (scale <= 0) { scale = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original)); }
  const std::vector<double>& stretch = is_long ? spec.long_factor : spec.short_factor;
  const at::Tensor stretched = at::tensor(stretch, at::kFloat) * powers(spec.theta, dim);
  return {values_of(at::reciprocal(stretched)), scale};
}

// The first pairs turn as in a head that turns whole, the others not at all.
std::vector<float> proportional(const RopeSpec& spec, std::int64_t dim) {
  const auto size = static_cast<double>(dim);
  const auto pairs = static_cast<std::int64_t>(std::floor(spec.partial_rotary_factor * size / 2));
  check_input(
      pairs > 0 && pairs <= dim / 2 && spec.factor > 0,
      "config.json: rope type proportional needs a partial_rotary_factor that turns one pair at least, "
      "and a factor above 0");
  const at::Tensor exponent = at::arange(0, 2 * pairs, 2, at::kFloat).div(size);
  std::vector<float> out = values_of(at::reciprocal(at::pow(at::Scalar(spec.theta), exponent)));
  out.resize(static_cast<std::size_t>(dim / 2), 0);
  for (float& frequency : out) { frequency /= static_cast<float>(spec.factor); }
  return out;
}

}  // namespace

std::int64_t rope_variant(const RopeSpec& spec, std::int64_t max_positions, std::int64_t length) {
  if (spec.type == "dynamic") { return length > max_positions ? length : 0; }
  if (spec.type == "longrope") { return length > spec.original_max_positions ? 1 : 0; }
  return 0;
}

RopeFrequencies rope_frequencies(const RopeSpec& spec, std::int64_t head_dim, std::int64_t max_positions,
                                 std::int64_t variant) {
  if (spec.type == "proportional") { return {proportional(spec, head_dim)}; }
  const auto dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * spec.partial_rotary_factor);
  check_input(dim > 0 && dim <= head_dim && dim % 2 == 0, "config.json: partial_rotary_factor ",
              spec.partial_rotary_factor, " turns ", dim, " of ", head_dim,
              " dimensions of a head, but must turn an even number of them");
  if (spec.type == "llama3") { return {llama3(spec, dim)}; }
  if (spec.type == "dynamic") { return {dynamic(spec, dim, max_positions, variant)}; }
  if (spec.type == "yarn") { return yarn(spec, dim); }
  if (spec.type == "longrope") { return longrope(spec, dim, max_positions, variant != 0); }
  const bool linear = spec.type == "linear";
  check_input(linear || spec.type == "default", "config.json: rope type \"", spec.type,
              "\" is not supported (known: default, linear, dynamic, yarn, llama3, longrope)");
  std::vector<float> out = values_of(at::reciprocal(powers(spec.theta, dim)));
  if (linear) { check_input(spec.factor > 0, "config.json: rope type linear needs a factor above 0"); }
  for (float& frequency : out) {
    if (linear) { frequency /= static_cast<float>(spec.factor); }
  }
  return {out};
}

}  // namespace una::model
