#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>

#include "una/kernels/reference.h"

namespace una::kernels::reference {
namespace {

// What LoRA adds to the weight of expert e.
at::Tensor delta(const std::optional<ExpertLora>& lora, std::int64_t e, std::int64_t experts,
                 const at::Tensor& weight) {
  if (!lora) { return weight; }
  const auto value = [&](const Weight& w) {
    return w.trains() ? w.master.to(weight.scalar_type()) : w.value;
  };
  const at::Tensor a = value(lora->a), own = value(lora->b);
  const at::Tensor b =
      lora->interleaved ? at::cat({own.slice(0, 0, own.size(0), 2), own.slice(0, 1, own.size(0), 2)}) : own;
  const std::int64_t rank = a.size(0) / experts;
  const at::Tensor b_e = b.view({b.size(0), rank, experts}).select(2, e);
  return weight + lora->scale * at::matmul(b_e, a.narrow(0, e * rank, rank));
}

}  // namespace

at::Tensor mix_experts(const at::Tensor& x, const Choice& choice, const Experts& experts,
                       const Activation& activation) {
  const at::ScalarType wide = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto value = [&](const at::Tensor& master, const at::Tensor& frozen) {
    return master.defined() ? master.to(x.scalar_type()) : frozen;
  };
  const auto count = static_cast<std::int64_t>(experts.each.size());
  at::Tensor sum = at::zeros_like(x, x.options().dtype(wide));
  for (std::int64_t e = 0; e < count; ++e) {
    const Expert& expert = experts.each[static_cast<std::size_t>(e)];
    const std::int64_t size = expert.gate_up.size(0) / 2;
    const at::Tensor gate = value(expert.gate_master, expert.gate_up.narrow(0, 0, size));
    const at::Tensor up = value(expert.up_master, expert.gate_up.narrow(0, size, size));
    const at::Tensor down = delta(experts.down_lora, e, count, value(expert.down.master, expert.down.value));
    const at::Tensor gate_up = delta(experts.gate_up_lora, e, count, at::cat({gate, up}));
    at::Tensor before = at::matmul(x, gate_up.t());
    if (expert.gate_up_bias.defined()) {
      const at::Tensor gate_bias = value(expert.gate_bias_master, expert.gate_up_bias.narrow(0, 0, size));
      const at::Tensor up_bias = value(expert.up_bias_master, expert.gate_up_bias.narrow(0, size, size));
      before = before + at::cat({gate_bias, up_bias});
    }
    at::Tensor result = at::matmul(activation(before), down.t());
    if (expert.down_bias.defined()) {
      result = result + value(expert.down_bias.master, expert.down_bias.value);
    }
    // 0 for the tokens that did not choose this expert.
    const at::Tensor share = (choice.weights * (choice.experts == e).to(x.device())).sum(1, true);
    sum = sum + share * result.to(wide);
  }
  return sum.to(x.scalar_type());
}

}  // namespace una::kernels::reference
