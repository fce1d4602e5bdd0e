#include "una/model/linear.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/kernels/product.h"

namespace una::model {
namespace {

// The stacked value of one call. A lone fp32 master is re-read and detached on every call: its storage may
// have been rebound, and its gradient goes to the master that is passed separately.
at::Tensor present_value(const at::Tensor& stacked, const Parameter& first) {
  return stacked.is_same(first.master) ? first.master.detach() : stacked;
}

}  // namespace

StackedLinear::StackedLinear(std::vector<Part> parts, std::shared_ptr<kernels::Scratch> scratch)
    : parts_(std::move(parts)) {
  std::vector<Parameter*> weights, biases;
  std::vector<std::shared_ptr<const PackedMatrix>> packed;
  for (const Part& part : parts_) {
    weights.push_back(part.weight);
    if (part.weight->packed) { packed.push_back(part.weight->packed); }
    if (part.bias != nullptr) { biases.push_back(part.bias); }
  }
  check(packed.empty() || packed.size() == parts_.size(), "StackedLinear: only some parts are quantised");
  if (packed.empty()) {
    weight_ = fuse_rows(weights);
  } else {
    packed_.emplace(std::move(packed), std::move(scratch));
  }
  if (!biases.empty()) { bias_ = fuse_rows(biases); }
}

kernels::LinearWeight StackedLinear::weight() const {
  return packed_ ? *packed_ : kernels::LinearWeight(present_value(weight_, *parts_[0].weight));
}

at::Tensor StackedLinear::bias_of(const AdapterUse& use) const {
  if (!bias_.defined()) { return {}; }
  std::vector<at::Tensor> values;
  bool own = false;  // whether the adapter has biases of its own
  for (const Part& part : parts_) {
    const Parameter& used = use.parameter(part.bias);
    values.push_back(used.value.detach());
    own = own || &used != part.bias;
  }
  return own ? at::cat(values) : present_value(bias_, *parts_[0].bias);
}

at::Tensor StackedLinear::forward(const at::Tensor& x, const AdapterUse& use,
                                  const kernels::InputOrigin& origin) const {
  if (use.adapter == nullptr && !at::GradMode::is_enabled()) {
    return kernels::product(x, weight().values(), bias_of(use), use.sums);
  }
  std::vector<kernels::LinearPart> parts;
  parts.reserve(parts_.size());
  for (const Part& part : parts_) {
    kernels::LinearPart call{.out = part.weight->rows(), .weight_master = part.weight->master};
    if (part.bias != nullptr) { call.bias_master = use.parameter(part.bias).master; }
    const std::optional<AdapterModule>* module =
        use.adapter != nullptr ? &use.adapter->modules[part.id] : nullptr;
    if (module != nullptr && module->has_value()) {
      const double dropout = use.dropout ? use.adapter->spec.dropout : 0;
      const std::uint64_t key = dropout > 0 ? random_bits(use.dropout_key, part.dropout_stream, 0) : 0;
      call.adapters.push_back(lora_term(**module, dropout, key));
    }
    parts.push_back(std::move(call));
  }
  return kernels::stacked_linear(x, weight(), bias_of(use), parts, origin, use.sums);
}

}  // namespace una::model
