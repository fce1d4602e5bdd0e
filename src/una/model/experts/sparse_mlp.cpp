#include "una/model/experts/sparse_mlp.h"

#include <utility>

#include <ATen/core/grad_mode.h>

#include "una/kernels/product.h"

namespace una::model {

namespace {

// The value without history: a master that is the value gets its gradient on its own.
at::Tensor constant(const at::Tensor& value) { return value.requires_grad() ? value.detach() : value; }

at::Tensor master_of(const Parameter* parameter) {
  return parameter == nullptr ? at::Tensor() : parameter->master;
}

}  // namespace

SparseMlp::SparseMlp(const MoeSpec& spec, Place place, Router router, std::vector<Part> parts)
    : place_(place),
      count_(spec.experts_per_token),
      normed_(spec.norm_topk_prob),
      router_(router),
      parts_(std::move(parts)) {
  for (const Part& part : parts_) {
    gate_up_.push_back(fuse_rows({part.gate, part.up}));
    gate_up_bias_.push_back(part.gate_bias == nullptr ? at::Tensor()
                                                      : fuse_rows({part.gate_bias, part.up_bias}));
  }
}

at::Tensor SparseMlp::logits(const at::Tensor& x, const kernels::InputOrigin& origin) const {
  const at::ScalarType wide = router_.weight->value.scalar_type();
  const at::Tensor weight = router_.weight->value.detach(), in = x.to(wide);
  const at::Tensor bias = router_.bias == nullptr ? at::Tensor() : router_.bias->value.detach();
  if (!at::GradMode::is_enabled()) { return kernels::product(in, weight, bias); }
  kernels::InputOrigin wide_origin = origin;
  if (origin.from.defined()) {
    wide_origin.make = [make = origin.make, wide](const at::Tensor& from) { return make(from).to(wide); };
  }
  const kernels::LinearPart part{
      .out = weight.size(0), .weight_master = router_.weight->master, .bias_master = master_of(router_.bias)};
  return kernels::stacked_linear(in, weight, bias, {part}, wide_origin);
}

kernels::Experts SparseMlp::experts(const AdapterUse& use) const {
  kernels::Experts out;
  out.each.reserve(parts_.size());
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    out.each.push_back({.gate_up = gate_up_[i],
                        .gate_master = part.gate->master,
                        .up_master = part.up->master,
                        .down = {constant(part.down->value), part.down->master},
                        .gate_up_bias = gate_up_bias_[i],
                        .gate_bias_master = master_of(part.gate_bias),
                        .up_bias_master = master_of(part.up_bias)});
    if (part.down_bias != nullptr) {
      out.each.back().down_bias = {constant(part.down_bias->value), part.down_bias->master};
    }
  }
  const auto lora = [&](std::size_t linear, bool interleaved) -> std::optional<kernels::ExpertLora> {
    if (use.adapter == nullptr || !use.adapter->modules[linear]) { return std::nullopt; }
    const AdapterModule& module = *use.adapter->modules[linear];
    return kernels::ExpertLora{module.a.weight(), module.b.weight(), module.scale, interleaved};
  };
  out.gate_up_lora = lora(place_.first_linear, place_.interleaved);
  out.down_lora = lora(place_.first_linear + 1, false);
  return out;
}

at::Tensor SparseMlp::forward(const at::Tensor& x, const kernels::Activation& activation,
                              const AdapterUse& use, const std::shared_ptr<RouterTally>& tally,
                              const kernels::InputOrigin& origin) const {
  at::Tensor scores = logits(x, origin);
  if (tally != nullptr) { scores = RouterTally::balanced(scores, tally, place_.layer); }
  const kernels::Choice choice = kernels::choose_experts(scores, count_, normed_);
  if (tally != nullptr) { tally->note(place_.layer, scores, choice.experts); }
  return kernels::mix_experts(x, choice, experts(use), activation, origin);
}

}  // namespace una::model
