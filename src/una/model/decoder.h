#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/kernels/attention.h"
#include "una/kernels/rope.h"
#include "una/model/experts/router_tally.h"
#include "una/model/experts/sparse_mlp.h"
#include "una/model/linear.h"
#include "una/model/mixers/delta_mixer.h"
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
  at::Tensor query_scale;    // [T, 1, 1] in the compute dtype: RopeSpec::query_beta; undefined: all 1
  at::Tensor taps;  // [T, K] int64, CPU: kernels::convolution_taps, where a layer is a short convolution
  DeltaCall delta;  // where a layer has a gated delta rule
  std::shared_ptr<RouterTally> tally;  // of routers; null: not wanted
};

// What a layer of gemma4 gets besides its own input, and what it gives to later layers.
struct Handed {
  at::Tensor input;         // [T, P] the layer's part of what comes from the token itself; undefined: none
  at::Tensor keys, values;  // [T, K, D] read by a layer that shares another one's, set by the others
  at::Tensor gate;          // [T, H, D] of gated attention, within its layer; undefined: none
};

// The parameters of one norm. Without weight the norm is absent; a bias belongs to layer norms only.
struct NormPart {
  Parameter *weight = nullptr, *bias = nullptr;
};

// What a layer of gemma4 does with its part of what comes from the token itself.
struct InputPart {
  StackedLinear gate, projection;
  NormPart norm;
};

// How every norm of a model computes.
struct NormRule {
  explicit NormRule(const ModelSpec& spec) : style(spec.norm_style), eps(spec.norm_eps) {}
  NormStyle style;
  double eps;
};

// The norm of x [T, C] by the call's version of its parameters; x itself where the norm is absent.
at::Tensor norm(const at::Tensor& x, const NormPart& part, const NormRule& rule, const AdapterUse& use);

// One decoder layer: x + s norm(attention(norm(x))), then x + s norm(mlp(norm(x))), where each norm may be absent and
// s is ModelSpec::residual_scale; of a parallel block x + s attention(norm(x)) + s mlp(norm(x)), with one norm or two.
// Some layers of a hybrid have a gated short convolution or a gated delta rule in place of attention (ModelSpec::mixers).
// Those of gemma4 may read another layer's keys and values, add something of the token itself, and multiply the sum by a
// number. Does not own its parameters, which must outlive it.
class DecoderLayer {
 public:
  // The parameters and linears of the layer, by their place in the arithmetic.
  struct Parts {
    std::int64_t number = 0;
    NormPart attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;
    Parameter *q_norm = nullptr, *k_norm = nullptr, *sinks = nullptr;
    StackedLinear qkv, o;  // the linears before and behind attention, or what the layer has in its place
    Parameter* scalar = nullptr;                      // gemma4's number
    std::optional<InputPart> input;                   // of what comes from the token itself (Handed::input)
    Parameter *conv = nullptr, *conv_bias = nullptr;  // of a short convolution
    std::optional<DeltaMixer> delta;
    // gate_up and down belong to a dense MLP, sparse to one of experts.
    std::optional<StackedLinear> gate_up, down;
    std::optional<SparseMlp> sparse;
  };
  DecoderLayer(const ModelSpec& spec, Parts parts);
  // [T, C] -> [T, C]
  at::Tensor forward(const at::Tensor& x, const LayerCall& call, Handed& handed) const;

 private:
  // What the MLP applies to its gate, or to what it goes up to where it has no gate.
  enum class Gate : std::uint8_t { kSilu, kGeluTanh, kGelu };

  // q, k and v of norm(x), by head; `gate` [T, H, D] is defined where attention is gated.
  struct Projected {
    at::Tensor qkv, gate;
  };

  // What the layer has for attention.
  at::Tensor mix(const at::Tensor& x, const LayerCall& call, Handed& handed) const;
  at::Tensor attend(const at::Tensor& x, const LayerCall& call, Handed& handed) const;
  // The queries [T, H, D]; keys and values go to `made`, unless they are another layer's.
  at::Tensor queries(const at::Tensor& x, const LayerCall& call, Handed& made) const;
  at::Tensor lone_queries(const at::Tensor& x,
                          const LayerCall& call) const;  // where keys are another layer's
  Projected project(const at::Tensor& x, const LayerCall& call) const;
  at::Tensor with_normed_values(const at::Tensor& values) const;
  at::Tensor with_input(const at::Tensor& x, const at::Tensor& input, const AdapterUse& use) const;
  at::Tensor convolve(const at::Tensor& x, const LayerCall& call) const;
  at::Tensor mlp(const at::Tensor& x, const LayerCall& call) const;
  at::Tensor activated(const at::Tensor& gate_up, kernels::Sums sums) const;
  at::Tensor activated_alone(const at::Tensor& up, kernels::Sums sums) const;
  at::Tensor gated(const at::Tensor& gate_up) const;
  at::Tensor with_positions(const at::Tensor& qkv, const LayerCall& call) const;
  at::Tensor with_normed_heads(const at::Tensor& qkv, const AdapterUse& use) const;
  // How to recompute norm(x) from x; nothing where there is no norm, or no history.
  kernels::InputOrigin origin_of(const at::Tensor& x, const NormPart& part, const AdapterUse& use) const;
  // A linear of norm(x). Its input is recomputed in the backward instead of stored.
  at::Tensor normed_linear(const StackedLinear& linear, const at::Tensor& x, const NormPart& part,
                           const AdapterUse& use) const;

  Parts parts_;
  std::int64_t heads_, kv_heads_, head_dim_;
  std::int64_t kv_layer_;            // whose keys and values it reads
  bool projects_values_, hands_on_;  // hands_on_: later layers may read its keys and values
  at::Tensor value_norm_;            // [D] ones: the weight of the values' norm; undefined: none
  int rope_;                         // index into LayerCall::angles, -1: this layer sees no positions
  kernels::AttentionParams attention_;
  NormRule norm_;
  QkNorm qk_norm_;
  bool by_head_, attention_gate_, qk_norm_after_rope_, parallel_, gated_;
  kernels::RopePairs pairs_;
  double residual_scale_;
  double swiglu_alpha_, swiglu_limit_;  // a limit of 0: gate_ instead
  Gate gate_;
};

}  // namespace una::model
