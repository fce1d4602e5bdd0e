#include "una/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/sin.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::model {
namespace {

constexpr std::int64_t kFirstTable = 1024;

// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
float llama3_frequency(float frequency, const RopeSpec& spec) {
  const auto length = static_cast<float>(spec.original_max_positions);
  const auto low = static_cast<float>(spec.low_freq_factor), high = static_cast<float>(spec.high_freq_factor);
  const auto factor = static_cast<float>(spec.factor);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < length / high) return frequency;
  if (wavelength > length / low) return frequency / factor;
  const float smooth = (length / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

void check_llama3(const RopeSpec& spec) {
  check_input(spec.original_max_positions > 0 && spec.factor > 0 &&
                  spec.high_freq_factor != spec.low_freq_factor && spec.low_freq_factor > 0,
              "config.json: rope type llama3 needs factor, low_freq_factor, high_freq_factor and "
              "original_max_position_embeddings");
}

}  // namespace

std::vector<float> rope_frequencies(const RopeSpec& spec, std::int64_t head_dim) {
  const bool llama3 = spec.type == "llama3", linear = spec.type == "linear";
  check_input(llama3 || linear || spec.type == "default",
              cat("config.json: rope type \"", spec.type, "\" is not supported (default, linear, llama3)"));
  if (llama3) check_llama3(spec);
  if (linear) check_input(spec.factor > 0, "config.json: rope type linear needs a factor above 0");
  // ATen's arange, division and power, so that the bits are transformers' own.
  const at::Tensor exponents = at::arange(0, head_dim, 2, at::kFloat).div(static_cast<double>(head_dim));
  const at::Tensor base = at::reciprocal(at::pow(at::Scalar(spec.theta), exponents));
  const float* data = base.const_data_ptr<float>();
  std::vector<float> out(data, data + base.numel());
  for (float& frequency : out) {
    if (llama3) frequency = llama3_frequency(frequency, spec);
    if (linear) frequency /= static_cast<float>(spec.factor);
  }
  return out;
}

RopeTable::RopeTable(const RopeSpec& spec, std::int64_t head_dim)
    : frequencies_(rope_frequencies(spec, head_dim)) {}

void RopeTable::grow(std::int64_t positions) {
  std::int64_t size = cos_.defined() ? cos_.size(0) : 0;
  if (positions <= size) return;
  size = std::max(size, kFirstTable);
  while (size < positions) size *= 2;
  const at::Tensor frequencies =
      at::from_blob(frequencies_.data(), {1, static_cast<std::int64_t>(frequencies_.size())}, at::kFloat);
  const at::Tensor angles = at::arange(size, at::kFloat).unsqueeze(1).mul(frequencies);
  cos_ = at::cos(angles);
  sin_ = at::sin(angles);
}

std::pair<at::Tensor, at::Tensor> RopeTable::rows(const at::Tensor& positions) {
  if (positions.numel() > 0)
    grow(positions.max().item<std::int64_t>() + 1);
  else
    grow(1);
  return {cos_.index_select(0, positions), sin_.index_select(0, positions)};
}

}  // namespace una::model
