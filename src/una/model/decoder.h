#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/kernels/attention.h"
#include "una/model/linear.h"
#include "una/model/model.h"
#include "una/model/parameter.h"

namespace una::model {

// Rope's cos and sin of every token of a call.
struct Angles {
  at::Tensor cos, sin;  // [T, R/2] fp32
};

// What every layer of one call shares.
struct LayerCall {
  std::array<Angles, 2> angles;  // of ModelSpec's rope and local_rope
  std::shared_ptr<const std::vector<Segment>> segments;
  AdapterUse use;
  KvCache* cache = nullptr;  // keys and values are written to its `slots`, and all keys are read from it
  at::Tensor slots;          // [T] int64
};

// One decoder layer: x + norm(attention(norm(x))), then x + norm(mlp(norm(x))), where each norm may be
// absent. Does not own its parameters, which must outlive it.
class DecoderLayer {
 public:
  // The parameters and linears of the layer, by their place in the arithmetic.
  struct Parts {
    std::int64_t number = 0;
    Parameter *attention_norm = nullptr, *attention_post_norm = nullptr;  // null: none
    Parameter *mlp_norm = nullptr, *mlp_post_norm = nullptr;
    Parameter *q_norm = nullptr, *k_norm = nullptr;
    StackedLinear qkv, o, gate_up, down;
  };
  DecoderLayer(const ModelSpec& spec, Parts parts);
  at::Tensor forward(const at::Tensor& x, const LayerCall& call) const;  // [T, C] -> [T, C]

 private:
  // What the MLP applies to its gate.
  enum class Gate : std::uint8_t { kSilu, kGeluTanh, kGelu };

  at::Tensor attend(const at::Tensor& x, const LayerCall& call) const;
  at::Tensor normed(const at::Tensor& x, const Parameter* weight, const AdapterUse& use) const;
  // A linear of norm(x) (null: of x).
  at::Tensor normed_linear(const StackedLinear& linear, const at::Tensor& x, const Parameter* weight,
                           const AdapterUse& use) const;

  Parts parts_;
  std::int64_t heads_, kv_heads_, head_dim_;
  int rope_;  // index into LayerCall::angles, -1: this layer sees no positions
  kernels::AttentionParams attention_;
  double norm_eps_;
  NormStyle norm_style_;
  QkNorm qk_norm_;
  Gate gate_;
};

// RMS norm of x [T, C] in the spec's style.
at::Tensor norm(const at::Tensor& x, const Parameter& weight, NormStyle style, double eps);

}  // namespace una::model
