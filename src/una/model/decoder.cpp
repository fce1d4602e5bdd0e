#include "una/model/decoder.h"

#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/split_with_sizes.h>

#include "una/kernels/copy_rows.h"
#include "una/kernels/geglu.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/rope.h"
#include "una/kernels/swiglu.h"

namespace una::model {
namespace {

std::int64_t entry(const std::vector<std::int64_t>& values, std::int64_t layer) {
  return values.empty() ? 0 : values[static_cast<std::size_t>(layer)];
}

kernels::AttentionParams attention_params(const ModelSpec& spec, std::int64_t layer) {
  const double usual = 1 / std::sqrt(static_cast<double>(spec.head_dim));
  return {.scale = spec.attention_scale > 0 ? spec.attention_scale : usual,
          .window = entry(spec.windows, layer),
          .soft_cap = spec.attention_soft_cap};
}

kernels::NormKind kind_of(NormStyle style) {
  if (style == NormStyle::kPlusOne) { return kernels::NormKind::kPlusOne; }
  return style == NormStyle::kWide ? kernels::NormKind::kWide : kernels::NormKind::kRounded;
}

}  // namespace

at::Tensor norm(const at::Tensor& x, const Parameter& weight, NormStyle style, double eps) {
  return kernels::rms_norm(x, weight.weight(), eps, kind_of(style));
}

DecoderLayer::DecoderLayer(const ModelSpec& spec, Parts parts)
    : parts_(std::move(parts)),
      heads_(spec.num_heads),
      kv_heads_(spec.num_kv_heads),
      head_dim_(spec.head_dim),
      rope_(spec.rope_layers.empty() ? 0 : spec.rope_layers[static_cast<std::size_t>(parts_.number)]),
      attention_(attention_params(spec, parts_.number)),
      norm_eps_(spec.norm_eps),
      norm_style_(spec.norm_style),
      qk_norm_(spec.qk_norm),
      gate_(spec.activation == "silu"   ? Gate::kSilu
            : spec.activation == "gelu" ? Gate::kGelu
                                        : Gate::kGeluTanh) {}

at::Tensor DecoderLayer::normed(const at::Tensor& x, const Parameter* weight, const AdapterUse& use) const {
  return weight == nullptr ? x : norm(x, use.parameter(weight), norm_style_, norm_eps_);
}

at::Tensor DecoderLayer::normed_linear(const StackedLinear& linear, const at::Tensor& x,
                                       const Parameter* weight, const AdapterUse& use) const {
  if (weight == nullptr || !at::GradMode::is_enabled()) {
    return linear.forward(normed(x, weight, use), use);
  }
  const kernels::Weight used = use.parameter(weight).weight();
  return linear.forward(
      normed(x, weight, use), use,
      {x, [value = used.value.detach(), kind = kind_of(norm_style_), eps = norm_eps_](
              const at::Tensor& from) { return kernels::rms_norm(from, {value, {}}, eps, kind); }});
}

at::Tensor DecoderLayer::attend(const at::Tensor& x, const LayerCall& call) const {
  const std::int64_t tokens = x.size(0);
  at::Tensor qkv = normed_linear(parts_.qkv, x, parts_.attention_norm, call.use)
                       .view({tokens, heads_ + 2 * kv_heads_, head_dim_});
  if (qk_norm_ != QkNorm::kNone) {
    qkv = kernels::qk_norm(qkv, call.use.parameter(parts_.q_norm).weight(),
                           call.use.parameter(parts_.k_norm).weight(),
                           {kv_heads_, qk_norm_ == QkNorm::kProjection, norm_eps_, kind_of(norm_style_)});
  }
  if (rope_ >= 0) {
    const Angles& angles = call.angles[static_cast<std::size_t>(rope_)];
    qkv = kernels::rope(qkv, angles.cos, angles.sin, heads_ + kv_heads_);
  }
  const auto split = at::split_with_sizes(qkv, {heads_, kv_heads_, kv_heads_}, 1);
  at::Tensor keys = split[1], values = split[2];
  if (call.cache != nullptr) {
    kernels::copy_rows(keys, call.slots, call.cache->keys(parts_.number));
    kernels::copy_rows(values, call.slots, call.cache->values(parts_.number));
    keys = call.cache->keys(parts_.number), values = call.cache->values(parts_.number);
  }
  const at::Tensor mixed = kernels::attention(split[0], keys, values, *call.segments, attention_);
  return parts_.o.forward(mixed.reshape({tokens, heads_ * head_dim_}), call.use);
}

at::Tensor DecoderLayer::forward(const at::Tensor& x, const LayerCall& call) const {
  const AdapterUse& use = call.use;
  const at::Tensor mixed = attend(x, call);
  const at::Tensor middle = at::add(x, normed(mixed, parts_.attention_post_norm, use));
  const at::Tensor gate_up = normed_linear(parts_.gate_up, middle, parts_.mlp_norm, use);
  const auto gated = [gate = gate_](const at::Tensor& from) {
    if (gate == Gate::kSilu) { return kernels::swiglu(from); }
    return kernels::geglu(from, gate == Gate::kGelu ? kernels::Gelu::kExact : kernels::Gelu::kTanh);
  };
  const at::Tensor out = parts_.down.forward(gated(gate_up), use, {gate_up, gated});
  return at::add(middle, normed(out, parts_.mlp_post_norm, use));
}

}  // namespace una::model
