#include <utility>

#include <torch/csrc/autograd/autograd.h>

#include "una/kernels/aten/ops.h"

namespace una::kernels::aten {
namespace {

using detail::AutogradContext;
using detail::variable_list;

// The autograd node of a recomputed op.
struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(AutogradContext* ctx, at::TensorList inputs, const Op& f) {
    ctx->save_for_backward(inputs.vec());
    detail::keep(ctx, f);
    return f(inputs.vec());
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    variable_list inputs, wanted;
    for (const at::Tensor& saved : ctx->get_saved_variables()) {
      const bool wants = ctx->needs_input_grad(inputs.size());
      inputs.push_back(saved.detach().set_requires_grad(wants));
      if (wants) { wanted.push_back(inputs.back()); }
    }
    at::Tensor again;
    {
      const at::AutoGradMode history(true);
      again = detail::kept<Op>(ctx)(inputs);
    }
    variable_list found = torch::autograd::grad({again}, wanted, {grads[0]});
    variable_list out;
    std::size_t next = 0;
    for (const at::Tensor& input : inputs) {
      out.push_back(input.requires_grad() ? std::move(found[next++]) : at::Tensor());
    }
    out.emplace_back();  // f
    return out;
  }
};

}  // namespace

at::Tensor recomputed(const Op& f, const variable_list& inputs) {
  bool record = false;
  for (const at::Tensor& input : inputs) { record = record || detail::records({input}); }
  if (record) { return Recomputed::apply(at::TensorList(inputs), f); }
  const at::NoGradGuard no_grad;
  return f(inputs);
}

at::Tensor recomputed(const WeightOp& f, const at::Tensor& x, const std::vector<Weight>& weights) {
  variable_list inputs{x};
  for (const Weight& weight : weights) {
    if (weight.trains()) { inputs.push_back(weight.master); }
  }
  const auto call = [f, weights](const variable_list& in) {
    std::vector<Weight> used = weights;
    std::size_t next = 1;
    for (Weight& weight : used) {
      if (weight.trains()) { weight.master = in[next++]; }
    }
    return f(in[0], used);
  };
  return recomputed(Op(call), inputs);
}

}  // namespace una::kernels::aten
