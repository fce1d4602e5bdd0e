#pragma once

#include <memory>

#include "una/core/model_spec.h"
#include "una/kernels/mixers/gated_delta_rule.h"
#include "una/model/linear.h"
#include "una/model/mixers/recurrent_states.h"
#include "una/model/parameter.h"

namespace una::model {

// What the gated delta rules of one call share.
struct DeltaCall {
  at::Tensor taps;                                 // of a packed batch: kernels::convolution_taps
  std::shared_ptr<const kernels::DeltaPlan> plan;  // of a packed batch
  RecurrentStates* states = nullptr;               // of a cache, with the call's step through them
  std::shared_ptr<const RecurrentStates::Step> step;
};

// A layer's gated delta rule between its linears (transformers' Qwen3_5GatedDeltaNet): the convolution over q, k and v, the
// gates, the rule, and a norm of each value head times silu(z). Does not own its parameters, which must outlive it.
class DeltaMixer {
 public:
  struct Parts {
    Parameter *conv = nullptr, *dt_bias = nullptr, *a_log = nullptr, *norm = nullptr;
  };
  DeltaMixer(const ModelSpec& spec, std::int64_t layer, Parts parts);
  // projected [T, ..]: q, k, v, then z, b and a of each token -> [T, value heads x value size].
  at::Tensor forward(const at::Tensor& projected, const DeltaCall& call, const AdapterUse& use) const;
  // The rows of the linears that make `projected`: q, k and v; z; b; a.
  static std::vector<std::int64_t> sizes(const DeltaRuleSpec& rule);

 private:
  at::Tensor mixed(const at::Tensor& qkv, const DeltaCall& call, const AdapterUse& use) const;

  DeltaRuleSpec rule_;
  std::int64_t layer_;
  double eps_;
  Parts parts_;
};

}  // namespace una::model
