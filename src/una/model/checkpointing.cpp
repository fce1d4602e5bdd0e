#include "una/model/checkpointing.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace una::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Keeps the layer's function in the node's saved data.
struct LayerHolder : torch::CustomClassHolder {
  explicit LayerHolder(LayersFunction function) : layer(std::move(function)) {}
  LayersFunction layer;
};

// The autograd node of checkpointed().
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static variable_list forward(AutogradContext* ctx, const at::TensorList& inputs,
                               const at::Tensor& /*requires_grad*/, c10::intrusive_ptr<LayerHolder> holder) {
    ctx->save_for_backward(inputs.vec());
    variable_list results;
    {
      const at::AutoGradMode no_history(false);
      results = holder->layer(inputs.vec());
    }
    ctx->saved_data["layer"] = c10::IValue::make_capsule(std::move(holder));
    return results;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    variable_list inputs = ctx->get_saved_variables();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = inputs[i].detach();
      inputs[i].set_requires_grad(ctx->needs_input_grad(i));
    }
    const auto holder = c10::static_intrusive_pointer_cast<LayerHolder>(ctx->saved_data["layer"].toCapsule());
    variable_list results;
    {
      const at::AutoGradMode history(true);
      results = holder->layer(inputs);
    }
    variable_list with_history, their_grads;  // keys of the lowest layer may have none
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i].requires_grad()) { continue; }
      with_history.push_back(results[i]);
      their_grads.push_back(grads[i]);
    }
    torch::autograd::backward(with_history, their_grads);
    variable_list out;
    for (const at::Tensor& input : inputs) { out.push_back(input.grad()); }
    out.resize(out.size() + 2);  // of requires_grad and the holder
    return out;
  }
};

}  // namespace

// An autograd node takes defined tensors only.
std::vector<at::Tensor> checkpointed(LayersFunction layer, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> defined;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) { continue; }
    defined.push_back(inputs[i]);
    places.push_back(i);
  }
  const auto placed = [layer = std::move(layer), places,
                       count = inputs.size()](const std::vector<at::Tensor>& given) {
    std::vector<at::Tensor> all(count);
    for (std::size_t i = 0; i < places.size(); ++i) { all[places[i]] = given[i]; }
    return layer(all);
  };
  const at::Tensor requires_grad = at::empty({0}, defined[0].options()).set_requires_grad(true);
  return Checkpoint::apply(at::TensorList(defined), requires_grad,
                           c10::make_intrusive<LayerHolder>(LayersFunction(placed)));
}

at::Tensor checkpointed(LayerFunction layer, const at::Tensor& x) {
  const auto lone = [layer = std::move(layer)](const std::vector<at::Tensor>& inputs) {
    return std::vector<at::Tensor>{layer(inputs[0])};
  };
  return checkpointed(LayersFunction(lone), std::vector<at::Tensor>{x})[0];
}

}  // namespace una::model
