#include "una/gguf/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/gguf/gguf_numbers.h"

namespace una::gguf {
namespace {

constexpr double kYarnBetaFast = 32, kYarnBetaSlow = 1;

// The factor by which rope scaling stretches each pair's wavelength.
std::vector<double> llama3_factors(const ModelSpec& spec) {
  const RopeSpec& rope = spec.rope;
  const auto length = static_cast<double>(rope.original_max_positions);
  std::vector<double> factors;
  for (std::int64_t i = 0; i < spec.head_dim; i += 2) {
    const double power = static_cast<double>(i) / static_cast<double>(spec.head_dim);
    const double turns = length / (2 * std::numbers::pi * std::pow(rope.theta, power));
    const double smooth = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
    const double share = std::clamp(smooth, 0.0, 1.0);
    factors.push_back(1 / ((1 - share) / rope.factor + share));
  }
  return factors;
}

// The same of gemma4's full layers, in each of which a pair turns by theta alone, slower by a factor, or not at all.
std::vector<double> whole_factors(const ModelSpec& spec) {
  constexpr double kNever = 1e30;
  const auto pairs = spec.layer_head_dim(spec.num_layers - 1) / 2;
  const auto turning =
      static_cast<std::int64_t>(std::floor(spec.rope.partial_rotary_factor * static_cast<double>(pairs)));
  std::vector<double> factors(static_cast<std::size_t>(pairs), kNever);
  std::fill_n(factors.begin(), turning, spec.rope.factor);
  return factors;
}

GgufTensor factors_tensor(const std::string& name, const std::vector<double>& factors) {
  const std::vector<float> numbers(factors.begin(), factors.end());
  return {name, {std::ssize(numbers)}, GgmlType::kF32, at::tensor(numbers, at::kFloat)};
}

double yarn_scale(double factor, double scale = 1) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

// transformers' factor of cos and sin, divided by the one that llama.cpp applies itself.
double yarn_attention(const RopeSpec& rope) {
  double wanted = yarn_scale(rope.factor);
  if (rope.attention_factor > 0) {
    wanted = rope.attention_factor;
  } else if (rope.mscale != 0 && rope.mscale_all_dim != 0) {
    wanted = yarn_scale(rope.factor, rope.mscale) / yarn_scale(rope.factor, rope.mscale_all_dim);
  }
  return wanted / yarn_scale(rope.factor);
}

// llama.cpp applies none of its own to longrope.
double longrope_attention(const ModelSpec& spec) {
  const RopeSpec& rope = spec.rope;
  if (rope.attention_factor > 0) { return rope.attention_factor; }
  const auto original = static_cast<double>(rope.original_max_positions);
  const double factor = rope.factor > 0 ? rope.factor : static_cast<double>(spec.max_positions) / original;
  return factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
}

}  // namespace

void check_gguf_rope(const GgufArchitecture& arch, const ModelSpec& spec, const std::string& what) {
  if (arch.whole_factors) { return; }  // the family has the types that it takes, and no others
  const RopeSpec& rope = spec.rope;
  const bool known = rope.type == "default" || rope.type == "linear" || rope.type == "yarn" ||
                     (rope.type == "llama3" && arch.rope_factors) ||
                     (rope.type == "longrope" && arch.long_factors);
  check_input(known, what, ": llama.cpp has no rope of type ", rope.type, " for ", spec.model_type,
              " (it has default, linear, yarn", arch.rope_factors ? ", llama3" : "",
              arch.long_factors ? ", longrope" : "", ")");
  check_input(arch.partial_rope || rope.partial_rotary_factor == 1, what, ": llama.cpp turns whole heads of ",
              spec.model_type, "; a partial_rotary_factor cannot be exported");
  check_input(arch.neighbours || !rope.interleaved, what, ": llama.cpp's rope of ", spec.model_type,
              " does not turn neighbours");
  check_input(rope.type != "yarn" || (rope.beta_fast == kYarnBetaFast && rope.beta_slow == kYarnBetaSlow &&
                                      (rope.truncate || arch.rounds_yarn) && rope.factor >= 1),
              what,
              ": llama.cpp reads yarn's factor only (with beta_fast 32, beta_slow 1, truncate true, "
              "factor 1 or more); this model's cannot be exported");
}

void add_gguf_rope(const GgufArchitecture& arch, const ModelSpec& spec, GgufMetadata& out) {
  const RopeSpec& rope = spec.rope;
  const std::string prefix = cat(arch.name, ".rope.");
  if (arch.whole_factors) {
    out.emplace_back(prefix + "dimension_count", u32(spec.layer_head_dim(spec.num_layers - 1)));
    out.emplace_back(prefix + "freq_base", f32(rope.theta));
    return;
  }
  const double turning = static_cast<double>(spec.head_dim) * rope.partial_rotary_factor;
  out.emplace_back(prefix + "dimension_count", u32(static_cast<std::int64_t>(turning)));
  out.emplace_back(prefix + "freq_base", f32(rope.theta));
  if (rope.type == "default" || rope.type == "llama3") { return; }
  out.emplace_back(prefix + "scaling.type", rope.type);
  if (rope.type != "longrope") { out.emplace_back(prefix + "scaling.factor", f32(rope.factor)); }
  if (rope.type == "linear") { return; }
  out.emplace_back(prefix + "scaling.original_context_length", u32(rope.original_max_positions));
  const double attention = rope.type == "yarn" ? yarn_attention(rope) : longrope_attention(spec);
  if (attention != 1) { out.emplace_back(prefix + "scaling.attn_factor", f32(attention)); }
}

std::vector<GgufTensor> gguf_rope_tensors(const GgufArchitecture& arch, const ModelSpec& spec) {
  if (arch.whole_factors) { return {factors_tensor("rope_freqs.weight", whole_factors(spec))}; }
  if (spec.rope.type == "llama3") { return {factors_tensor("rope_freqs.weight", llama3_factors(spec))}; }
  if (spec.rope.type != "longrope") { return {}; }
  return {factors_tensor("rope_factors_long.weight", spec.rope.long_factor),
          factors_tensor("rope_factors_short.weight", spec.rope.short_factor)};
}

}  // namespace una::gguf
