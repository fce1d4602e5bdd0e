#include "una/model/checkpointing.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace una::model {
namespace {

// Keeps the layer's function in the node's saved data.
struct LayerHolder : torch::CustomClassHolder {
  explicit LayerHolder(LayerFunction function) : layer(std::move(function)) {}
  LayerFunction layer;
};

// The autograd node of checkpointed().
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& /*requires_grad*/, c10::intrusive_ptr<LayerHolder> holder) {
    ctx->save_for_backward({x});
    at::Tensor y;
    {
      const at::AutoGradMode no_history(false);
      y = holder->layer(x);
    }
    ctx->saved_data["layer"] = c10::IValue::make_capsule(std::move(holder));
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const bool needs_x = ctx->needs_input_grad(0);
    at::Tensor x = ctx->get_saved_variables()[0].detach();
    x.set_requires_grad(needs_x);
    const auto holder = c10::static_intrusive_pointer_cast<LayerHolder>(ctx->saved_data["layer"].toCapsule());
    at::Tensor y;
    {
      const at::AutoGradMode history(true);
      y = holder->layer(x);
    }
    torch::autograd::backward({y}, {grads[0]});
    return {needs_x ? x.grad() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor checkpointed(LayerFunction layer, const at::Tensor& x) {
  const at::Tensor requires_grad = at::empty({0}, x.options()).set_requires_grad(true);
  return Checkpoint::apply(x, requires_grad, c10::make_intrusive<LayerHolder>(std::move(layer)));
}

}  // namespace una::model
