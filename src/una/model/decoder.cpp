#include "una/model/decoder.h"

#include <cmath>
#include <utility>

#include <ATen/ops/add.h>
#include <ATen/ops/split_with_sizes.h>

#include "una/kernels/attention.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/rope.h"
#include "una/kernels/swiglu.h"

namespace una::model {

DecoderLayer::DecoderLayer(const ModelSpec& spec, Parts parts)
    : parts_(std::move(parts)),
      heads_(spec.num_heads),
      kv_heads_(spec.num_kv_heads),
      head_dim_(spec.head_dim),
      window_(spec.windows.empty() ? 0 : spec.windows[static_cast<std::size_t>(parts_.number)]),
      norm_eps_(spec.norm_eps) {}

at::Tensor DecoderLayer::attend(const at::Tensor& normed, const LayerCall& call) const {
  const std::int64_t tokens = normed.size(0);
  const at::Tensor qkv =
      parts_.qkv.forward(normed, call.use).view({tokens, heads_ + 2 * kv_heads_, head_dim_});
  const at::Tensor rotated = kernels::rope(qkv, call.cos, call.sin, heads_ + kv_heads_);
  const auto split = at::split_with_sizes(rotated, {heads_, kv_heads_, kv_heads_}, 1);
  at::Tensor keys = split[1], values = split[2];
  if (call.cache != nullptr) {
    keys = call.cache->keys(parts_.number).index_copy_(0, call.slots, keys);
    values = call.cache->values(parts_.number).index_copy_(0, call.slots, values);
  }
  const kernels::AttentionParams params{.scale = 1 / std::sqrt(static_cast<double>(head_dim_)),
                                        .window = window_};
  const at::Tensor mixed = kernels::attention(split[0], keys, values, *call.segments, params);
  return parts_.o.forward(mixed.reshape({tokens, heads_ * head_dim_}), call.use);
}

at::Tensor DecoderLayer::forward(const at::Tensor& x, const LayerCall& call) const {
  const at::Tensor middle =
      at::add(x, attend(kernels::rms_norm(x, parts_.attention_norm->weight(), norm_eps_), call));
  const at::Tensor normed = kernels::rms_norm(middle, parts_.mlp_norm->weight(), norm_eps_);
  const at::Tensor inner = kernels::swiglu(parts_.gate_up.forward(normed, call.use));
  return at::add(middle, parts_.down.forward(inner, call.use));
}

}  // namespace una::model
