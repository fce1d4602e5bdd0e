#include "una/model/experts/router_tally.h"

#include <memory>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

namespace una::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Keeps the tally in the node's saved data.
struct TallyHolder : torch::CustomClassHolder {
  TallyHolder(std::shared_ptr<RouterTally> held, std::int64_t number)
      : tally(std::move(held)), layer(number) {}
  std::shared_ptr<RouterTally> tally;
  std::int64_t layer;
};

// The identity, whose backward adds the loss's gradient.
struct Balanced : torch::autograd::Function<Balanced> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& logits,
                            c10::intrusive_ptr<TallyHolder> holder) {
    ctx->save_for_backward({logits});
    ctx->saved_data["tally"] = c10::IValue::make_capsule(std::move(holder));
    return logits.view_as(logits);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto holder = c10::static_intrusive_pointer_cast<TallyHolder>(ctx->saved_data["tally"].toCapsule());
    const at::Tensor own = holder->tally->take_gradient(holder->layer, ctx->get_saved_variables()[0]);
    return {own.defined() ? grads[0].add(own) : grads[0], at::Tensor()};
  }
};

}  // namespace

RouterTally::RouterTally(const ModelSpec& spec, std::int64_t tokens, double aux_weight)
    : experts_(spec.moe.num_experts),
      aux_weight_(aux_weight),
      taken_(static_cast<std::size_t>(spec.num_layers), false) {
  std::int64_t layers = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    row_of_.push_back(spec.is_sparse(layer) ? layers++ : -1);
  }
  rows_ = static_cast<double>(tokens * layers);
  counts_ = at::zeros({layers, experts_}, at::kDouble);
  probabilities_ = at::zeros({layers, experts_}, at::kDouble);
}

void RouterTally::note(std::int64_t layer, const at::Tensor& logits, const at::Tensor& chosen) {
  const auto index = static_cast<std::size_t>(layer);
  const at::NoGradGuard no_grad;
  counts_[row_of_[index]].copy_(at::bincount(chosen.reshape(-1), {}, experts_));
  probabilities_[row_of_[index]].copy_(at::sum(at::softmax(logits.detach(), -1), {0}, false, at::kDouble));
}

at::Tensor RouterTally::balanced(const at::Tensor& logits, const std::shared_ptr<RouterTally>& tally,
                                 std::int64_t layer) {
  if (tally->aux_weight_ == 0 || !at::GradMode::is_enabled() || !logits.requires_grad()) { return logits; }
  return Balanced::apply(logits, c10::make_intrusive<TallyHolder>(tally, layer));
}

at::Tensor RouterTally::shares() const { return at::sum(counts_, {0}).div(rows_); }

// dL/dp_te is E f_e / (T L): the counts have no gradient.
at::Tensor RouterTally::take_gradient(std::int64_t layer, const at::Tensor& logits) {
  const auto index = static_cast<std::size_t>(layer);
  if (taken_[index]) { return {}; }
  taken_[index] = true;
  const double factor = aux_weight_ * static_cast<double>(experts_) / rows_;
  const at::Tensor wanted = shares().mul(factor).to(logits.device(), logits.scalar_type());
  const at::Tensor probabilities = at::softmax(logits, -1);
  const at::Tensor inner = at::sum(at::mul(probabilities, wanted), at::IntArrayRef{1}, true);
  return probabilities.mul(wanted.sub(inner));
}

RouterReport RouterTally::report() const {
  const at::Tensor means = at::sum(probabilities_, {0}).div(rows_);
  return {.aux_weight = aux_weight_,
          .tokens = counts_,
          .aux_loss = static_cast<double>(experts_) * at::sum(shares().mul(means)).item<double>()};
}

}  // namespace una::model
