#include "una/model/decoder.h"

#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/split_with_sizes.h>

#include "una/kernels/copy_rows.h"
#include "una/kernels/geglu.h"
#include "una/kernels/layer_norm.h"
#include "una/kernels/mixers/gates.h"
#include "una/kernels/mixers/short_convolution.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/swiglu.h"

namespace una::model {
namespace {

std::int64_t entry(const std::vector<std::int64_t>& values, std::int64_t layer) {
  return values.empty() ? 0 : values[static_cast<std::size_t>(layer)];
}

kernels::AttentionParams attention_params(const ModelSpec& spec, std::int64_t layer) {
  const double usual = 1 / std::sqrt(static_cast<double>(spec.layer_head_dim(layer)));
  return {.scale = spec.attention_scale > 0 ? spec.attention_scale : usual,
          .window = entry(spec.windows, layer),
          .soft_cap = spec.attention_soft_cap};
}

kernels::NormKind kind_of(NormStyle style) {
  if (style == NormStyle::kPlusOne) { return kernels::NormKind::kPlusOne; }
  return style == NormStyle::kWide ? kernels::NormKind::kWide : kernels::NormKind::kRounded;
}

at::Tensor by_rule(const at::Tensor& x, const kernels::Weight& weight, const kernels::Weight& bias,
                   const NormRule& rule) {
  if (rule.style == NormStyle::kLayerNorm) { return kernels::layer_norm(x, weight, bias, rule.eps); }
  return kernels::rms_norm(x, weight, rule.eps, kind_of(rule.style));
}

}  // namespace

at::Tensor norm(const at::Tensor& x, const NormPart& part, const NormRule& rule, const AdapterUse& use) {
  if (part.weight == nullptr) { return x; }
  const kernels::Weight bias = part.bias == nullptr ? kernels::Weight{} : use.parameter(part.bias).weight();
  return by_rule(x, use.parameter(part.weight).weight(), bias, rule);
}

DecoderLayer::DecoderLayer(const ModelSpec& spec, Parts parts)
    : parts_(std::move(parts)),
      heads_(spec.num_heads),
      kv_heads_(spec.layer_kv_heads(parts_.number)),
      head_dim_(spec.layer_head_dim(parts_.number)),
      kv_layer_(spec.kv_layer(parts_.number)),
      projects_values_(spec.projects_values(parts_.number)),
      hands_on_(spec.gemma4.kv_shared_layers > 0 && !spec.shares_kv(parts_.number)),
      rope_(spec.rope_layers.empty() ? 0 : spec.rope_layers[static_cast<std::size_t>(parts_.number)]),
      attention_(attention_params(spec, parts_.number)),
      norm_(spec),
      qk_norm_(spec.qk_norm),
      by_head_(spec.qkv_by_head),
      attention_gate_(spec.attention_gate),
      qk_norm_after_rope_(spec.qk_norm_after_rope),
      parallel_(spec.parallel_block),
      gated_(spec.gated_mlp),
      pairs_(spec.rope.interleaved ? kernels::RopePairs::kNeighbours : kernels::RopePairs::kHalves),
      residual_scale_(spec.residual_scale),
      swiglu_alpha_(spec.moe.swiglu_alpha),
      swiglu_limit_(spec.moe.swiglu_limit),
      gate_(spec.activation == "silu"   ? Gate::kSilu
            : spec.activation == "gelu" ? Gate::kGelu
                                        : Gate::kGeluTanh) {
  if (spec.gemma4.value_norm) { value_norm_ = at::ones_like(parts_.q_norm->value); }
}

kernels::InputOrigin DecoderLayer::origin_of(const at::Tensor& x, const NormPart& part,
                                             const AdapterUse& use) const {
  if (part.weight == nullptr || !at::GradMode::is_enabled()) { return {}; }
  const auto frozen = [&](const Parameter* each) {
    return each == nullptr ? kernels::Weight{}
                           : kernels::Weight{use.parameter(each).weight().value.detach(), {}};
  };
  return {x, [weight = frozen(part.weight), bias = frozen(part.bias), rule = norm_](const at::Tensor& from) {
            return by_rule(from, weight, bias, rule);
          }};
}

at::Tensor DecoderLayer::normed_linear(const StackedLinear& linear, const at::Tensor& x, const NormPart& part,
                                       const AdapterUse& use) const {
  return linear.forward(norm(x, part, norm_, use), use, origin_of(x, part, use));
}

at::Tensor DecoderLayer::with_positions(const at::Tensor& qkv, const LayerCall& call) const {
  if (rope_ < 0) { return qkv; }
  const Angles& angles = call.angles[static_cast<std::size_t>(rope_)];
  return kernels::rope(qkv, angles.cos, angles.sin, heads_ + kv_heads_, pairs_);
}

at::Tensor DecoderLayer::with_normed_heads(const at::Tensor& qkv, const AdapterUse& use) const {
  if (qk_norm_ == QkNorm::kNone) { return qkv; }
  return kernels::qk_norm(qkv, use.parameter(parts_.q_norm).weight(), use.parameter(parts_.k_norm).weight(),
                          {kv_heads_, qk_norm_ == QkNorm::kProjection, norm_.eps, kind_of(norm_.style)});
}

DecoderLayer::Projected DecoderLayer::project(const at::Tensor& x, const LayerCall& call) const {
  const std::int64_t tokens = x.size(0), all = heads_ + 2 * kv_heads_;
  const at::Tensor qkv = normed_linear(parts_.qkv, x, parts_.attention_norm, call.use);
  if (attention_gate_) {  // the rows of each head of q are followed by those of its gate
    const auto split =
        at::split_with_sizes(qkv.view({tokens, all + heads_, head_dim_}), {2 * heads_, 2 * kv_heads_}, 1);
    const at::Tensor q = split[0].reshape({tokens, heads_, 2, head_dim_});
    return {at::cat({q.select(2, 0), split[1]}, 1), q.select(2, 1).contiguous()};
  }
  if (!projects_values_) {
    const at::Tensor qk = qkv.view({tokens, heads_ + kv_heads_, head_dim_});
    return {at::cat({qk, qk.narrow(1, heads_, kv_heads_)}, 1), {}};
  }
  if (!by_head_) { return {qkv.view({tokens, all, head_dim_}), {}}; }
  return {qkv.view({tokens, heads_, 3, head_dim_}).transpose(1, 2).reshape({tokens, all, head_dim_}), {}};
}

at::Tensor DecoderLayer::with_normed_values(const at::Tensor& values) const {
  if (!value_norm_.defined()) { return values; }
  const at::Tensor rows = values.reshape({-1, head_dim_});
  return kernels::rms_norm(rows, {value_norm_, {}}, norm_.eps, kind_of(norm_.style)).view(values.sizes());
}

at::Tensor DecoderLayer::lone_queries(const at::Tensor& x, const LayerCall& call) const {
  const at::Tensor rows = normed_linear(parts_.qkv, x, parts_.attention_norm, call.use);
  const at::Tensor normed =
      kernels::rms_norm(rows.reshape({-1, head_dim_}), call.use.parameter(parts_.q_norm).weight(), norm_.eps,
                        kind_of(norm_.style));
  const Angles& angles = call.angles[static_cast<std::size_t>(rope_)];
  return kernels::rope(normed.view({x.size(0), heads_, head_dim_}), angles.cos, angles.sin, heads_, pairs_);
}

at::Tensor DecoderLayer::queries(const at::Tensor& x, const LayerCall& call, Handed& made) const {
  if (kv_layer_ != parts_.number) { return lone_queries(x, call); }
  const Projected projected = project(x, call);
  made.gate = projected.gate;
  at::Tensor qkv = projected.qkv;
  qkv = qk_norm_after_rope_ ? with_normed_heads(with_positions(qkv, call), call.use)
                            : with_positions(with_normed_heads(qkv, call.use), call);
  const auto split = at::split_with_sizes(qkv, {heads_, kv_heads_, kv_heads_}, 1);
  made.keys = split[1], made.values = with_normed_values(split[2]);
  return call.query_scale.defined() ? at::mul(split[0], call.query_scale) : split[0];
}

at::Tensor DecoderLayer::attend(const at::Tensor& x, const LayerCall& call, Handed& handed) const {
  const std::int64_t tokens = x.size(0);
  Handed made = handed;
  const at::Tensor query = queries(x, call, made);
  at::Tensor keys = made.keys, values = made.values;
  if (hands_on_) { handed.keys = keys, handed.values = values; }
  if (call.cache != nullptr) {
    if (kv_layer_ == parts_.number) {
      kernels::copy_rows(keys, call.slots, call.cache->keys(kv_layer_));
      kernels::copy_rows(values, call.slots, call.cache->values(kv_layer_));
    }
    keys = call.cache->keys(kv_layer_), values = call.cache->values(kv_layer_);
  }
  const kernels::Weight sinks =
      parts_.sinks == nullptr ? kernels::Weight{} : call.use.parameter(parts_.sinks).weight();
  kernels::AttentionParams params = attention_;
  params.sums = call.use.sums;
  at::Tensor mixed = kernels::attention(query, keys, values, *call.segments, params, sinks);
  if (made.gate.defined()) { mixed = kernels::sigmoid_gated(mixed, made.gate); }
  return parts_.o.forward(mixed.reshape({tokens, heads_ * head_dim_}), call.use);
}

// The cache holds what the convolution reads of each slot, so that decoding, a shared prompt and the prefix cache need
// no state besides.
at::Tensor DecoderLayer::convolve(const at::Tensor& x, const LayerCall& call) const {
  const at::Tensor bcx = normed_linear(parts_.qkv, x, parts_.attention_norm, call.use);
  const kernels::Weight weight = parts_.conv->weight();
  const kernels::Weight bias = parts_.conv_bias == nullptr ? kernels::Weight{} : parts_.conv_bias->weight();
  if (call.cache != nullptr) {
    const at::Tensor& inputs = call.cache->keys(parts_.number);  // [slots, 1, C]
    kernels::copy_rows(kernels::convolution_input(bcx).unsqueeze(1), call.slots, inputs);
    return parts_.o.forward(
        kernels::cached_short_convolution(bcx, inputs.squeeze(1), call.taps, weight.value, bias.value),
        call.use);
  }
  const auto frozen = [](const kernels::Weight& each) {
    return each.defined() ? kernels::Weight{each.value.detach(), {}} : each;
  };
  const auto again = [taps = call.taps, weight = frozen(weight),
                      bias = frozen(bias)](const at::Tensor& from) {
    return kernels::short_convolution(from, taps, weight, bias);
  };
  return parts_.o.forward(kernels::short_convolution(bcx, call.taps, weight, bias), call.use, {bcx, again});
}

at::Tensor DecoderLayer::activated_alone(const at::Tensor& up, kernels::Sums sums) const {
  // ATen computes the last few numbers of a tensor by other code than the rest, so a row would depend on its place.
  if (sums == kernels::Sums::kFixed) { return gated(at::cat({up, at::ones_like(up)}, -1)); }
  if (gate_ == Gate::kSilu) { return at::silu(up); }
  return at::gelu(up, gate_ == Gate::kGelu ? "none" : "tanh");
}

at::Tensor DecoderLayer::mix(const at::Tensor& x, const LayerCall& call, Handed& handed) const {
  if (parts_.delta) {
    const at::Tensor projected = normed_linear(parts_.qkv, x, parts_.attention_norm, call.use);
    return parts_.o.forward(parts_.delta->forward(projected, call.delta, call.use), call.use);
  }
  return parts_.conv != nullptr ? convolve(x, call) : attend(x, call, handed);
}

at::Tensor DecoderLayer::gated(const at::Tensor& gate_up) const {
  const auto form = gate_ == Gate::kGelu ? kernels::Gelu::kExact : kernels::Gelu::kTanh;
  return gate_ == Gate::kSilu ? kernels::swiglu(gate_up) : kernels::geglu(gate_up, form);
}

at::Tensor DecoderLayer::activated(const at::Tensor& gate_up, kernels::Sums sums) const {
  if (swiglu_limit_ > 0) { return kernels::clamped_swiglu(gate_up, swiglu_alpha_, swiglu_limit_); }
  return gated_ ? gated(gate_up) : activated_alone(gate_up, sums);
}

at::Tensor DecoderLayer::mlp(const at::Tensor& x, const LayerCall& call) const {
  const AdapterUse& use = call.use;
  const auto activate = [this, sums = use.sums](const at::Tensor& from) { return activated(from, sums); };
  if (parts_.sparse) {
    return parts_.sparse->forward(norm(x, parts_.mlp_norm, norm_, use), activate, use, call.tally,
                                  origin_of(x, parts_.mlp_norm, use));
  }
  const at::Tensor gate_up = normed_linear(*parts_.gate_up, x, parts_.mlp_norm, use);
  return parts_.down->forward(activate(gate_up), use, {gate_up, activate});
}

at::Tensor DecoderLayer::with_input(const at::Tensor& x, const at::Tensor& input,
                                    const AdapterUse& use) const {
  if (!parts_.input) { return x; }
  const InputPart& own = *parts_.input;
  const at::Tensor gate = activated_alone(own.gate.forward(x, use), use.sums);
  return at::add(x, norm(own.projection.forward(at::mul(gate, input), use), own.norm, norm_, use));
}

at::Tensor DecoderLayer::forward(const at::Tensor& x, const LayerCall& call, Handed& handed) const {
  const auto added = [&](const at::Tensor& to, const at::Tensor& result, const NormPart& post) {
    const at::Tensor normed = norm(result, post, norm_, call.use);
    if (call.use.sums == kernels::Sums::kFast || residual_scale_ == 1) {
      return at::add(to, normed, residual_scale_);
    }
    // ATen's product and sum are one operation only where a whole vector is left, so a row would depend on its place.
    return at::add(to.to(at::kFloat), at::mul(normed.to(at::kFloat), residual_scale_)).to(to.scalar_type());
  };
  const at::Tensor middle = added(x, mix(x, call, handed), parts_.attention_post_norm);
  at::Tensor out = added(middle, mlp(parallel_ ? x : middle, call), parts_.mlp_post_norm);
  out = with_input(out, handed.input, call.use);
  return parts_.scalar == nullptr ? out : at::mul(out, parts_.scalar->value);
}

}  // namespace una::model
