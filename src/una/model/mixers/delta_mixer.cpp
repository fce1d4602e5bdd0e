#include "una/model/mixers/delta_mixer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/split_with_sizes.h>

#include "una/kernels/mixers/causal_convolution.h"
#include "una/kernels/mixers/gates.h"

namespace una::model {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

// A small parameter for ATen's operations: its gradient reaches the master.
at::Tensor value_of(const Parameter* parameter, const AdapterUse& use) {
  const kernels::Weight weight = use.parameter(parameter).weight();
  return wide(weight.trains() ? weight.master.to(weight.value.scalar_type()) : weight.value);
}

}  // namespace

std::vector<std::int64_t> DeltaMixer::sizes(const DeltaRuleSpec& rule) {
  const std::int64_t values = rule.num_value_heads * rule.value_head_dim;
  return {2 * rule.num_key_heads * rule.key_head_dim + values, values, rule.num_value_heads,
          rule.num_value_heads};
}

DeltaMixer::DeltaMixer(const ModelSpec& spec, std::int64_t layer, Parts parts)
    : rule_(spec.delta_rule), layer_(layer), eps_(spec.norm_eps), parts_(parts) {}

// q, k and v behind the convolution. A cache holds the last inputs of each sequence.
at::Tensor DeltaMixer::mixed(const at::Tensor& qkv, const DeltaCall& call, const AdapterUse& use) const {
  const kernels::Weight conv = use.parameter(parts_.conv).weight();
  if (call.states == nullptr) { return kernels::causal_convolution(qkv.contiguous(), call.taps, conv); }
  const at::Tensor& tails = call.states->tails(layer_);
  const RecurrentStates::Step& step = *call.step;
  const at::Device device = qkv.device();
  const at::Tensor before = tails.index_select(0, step.from.to(device)).view({-1, qkv.size(1)});
  const at::Tensor rows = at::cat({before, qkv});
  at::Tensor left = rows.index_select(0, step.last.to(device));
  tails.index_copy_(0, step.to.to(device), left.view({step.to.numel(), tails.size(1), qkv.size(1)}));
  return kernels::cached_causal_convolution(rows, step.taps, conv.value);
}

at::Tensor DeltaMixer::forward(const at::Tensor& projected, const DeltaCall& call,
                               const AdapterUse& use) const {
  const std::int64_t tokens = projected.size(0);
  const auto part = at::split_with_sizes(projected, sizes(rule_), 1);
  const at::Tensor qkv = mixed(part[0], call, use);
  const at::Tensor beta = wide(at::sigmoid(part[2]));
  const at::Tensor step = at::softplus(wide(part[3]) + value_of(parts_.dt_bias, use));
  const at::Tensor log_decay = -at::exp(value_of(parts_.a_log, use)) * step;
  const at::Tensor out = call.states == nullptr
                             ? kernels::gated_delta_rule(qkv, log_decay, beta, rule_, call.plan)
                             : kernels::cached_gated_delta_rule(qkv, log_decay, beta, rule_, call.step->plan,
                                                                call.states->recurrent(layer_));
  const std::int64_t heads = tokens * rule_.num_value_heads, size = rule_.value_head_dim;
  const at::Tensor normed = kernels::gated_rms_norm(out.view({heads, size}), part[1].reshape({heads, size}),
                                                    use.parameter(parts_.norm).weight(), eps_);
  return normed.view({tokens, rule_.num_value_heads * size});
}

}  // namespace una::model
