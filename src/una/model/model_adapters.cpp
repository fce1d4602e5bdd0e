// Model's adapters and reward head: adding, loading, cloning, reading, merging.
#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/div.h>
#include <ATen/ops/mul.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/initialize.h"
#include "una/model/model_impl.h"
#include "una/model/name_check.h"
#include "una/weights/composite.h"

namespace una::model {
namespace {

constexpr const char* kPeftPrefix = "base_model.model.";

AdapterId push(std::vector<std::unique_ptr<Adapter>>& adapters, Adapter adapter) {
  adapters.push_back(std::make_unique<Adapter>(std::move(adapter)));
  return static_cast<AdapterId>(adapters.size()) - 1;
}

// W + s B A, DoRA's gain on its rows, in W's dtype.
at::Tensor merged_weight(const at::Tensor& weight, const AdapterModule& module) {
  const at::ScalarType dtype = weight.scalar_type();
  at::Tensor sum = at::addmm(weight, module.b.full().to(dtype), module.a.full().to(dtype), 1, module.scale);
  if (!module.magnitude) { return sum; }
  return at::mul(sum, at::div(module.magnitude->full(), module.norm.cpu()).unsqueeze(1));
}

// One expert's part of an adapter that PEFT stores for all experts of a layer.
struct ExpertChange {
  const AdapterModule* module = nullptr;
  std::int64_t expert = 0, experts = 0;
  std::int64_t first_row = 0, step = 1;  // its rows of B
};

at::Tensor merged_expert(const at::Tensor& weight, const ExpertChange& change) {
  const at::ScalarType dtype = weight.scalar_type();
  const at::Tensor a = change.module->a.full().to(dtype), b = change.module->b.full().to(dtype);
  const std::int64_t rank = a.size(0) / change.experts;
  const at::Tensor own_b = b.reshape({b.size(0), rank, change.experts}).select(2, change.expert);
  const std::int64_t end = change.first_row + change.step * weight.size(0);
  return at::addmm(weight, own_b.slice(0, change.first_row, end, change.step),
                   a.narrow(0, change.expert * rank, rank), 1, change.module->scale);
}

// The matrices that an adapter of a layer's experts changes: gate and up share one entry, down has the other.
void add_expert_changes(const LinearInfo& linear, const AdapterModule& module, const PartNames& names,
                        std::map<std::string, ExpertChange>& out) {
  const bool down = ends_with(linear.module, ".down_proj");
  for (std::int64_t e = 0; e < linear.experts; ++e) {
    const std::string prefix = names.expert_prefix(linear.layer, e);
    const auto add = [&](const std::string& name, std::int64_t row, std::int64_t step) {
      out[cat(prefix, name, ".weight")] = {&module, e, linear.experts, row, step};
    };
    if (down) {
      add(names.expert_down, 0, 1);
    } else if (names.fused_experts.front().interleaved) {
      add(names.expert_gate, 0, 2);
      add(names.expert_up, 1, 2);
    } else {
      add(names.expert_gate, 0, 1);
      add(names.expert_up, linear.out / 2, 1);
    }
  }
}

}  // namespace

AdapterId Model::add_adapter(const LoraSpec& spec, std::uint64_t seed, bool trainable) {
  const AdapterId id = push(impl_->adapters, make_adapter(spec, impl_->base, seed, trainable));
  if (saves_score(spec) && trainable) { add_reward_head(seed); }
  return id;
}

AdapterId Model::load_adapter(const LoraSpec& spec, const weights::StateDict& files, bool trainable,
                              const std::string& what) {
  const weights::StateDict weights = weights::adapter_tensors(impl_->spec, files);
  Adapter adapter = model::load_adapter(spec, impl_->base, weights, trainable, what);
  const std::string score = impl_->family.names.score + ".weight";
  if (saves_score(spec) || weights.has(score)) {
    const std::string bias = impl_->family.names.score + ".bias";
    std::vector<ExpectedTensor> expected = {{score, {1, impl_->spec.hidden_size}}};
    if (weights.has(bias)) { expected.push_back({bias, {1}}); }
    check_names(expected, weights, [&](const std::string& name) { return name != score; }, what);
    const bool taken = std::any_of(impl_->adapters.begin(), impl_->adapters.end(),
                                   [](const auto& other) { return other && saves_score(other->spec); });
    const at::Tensor head = weights.at(score).to(master_dtype(impl_->dtype));
    check_input(!taken || head.equal(impl_->score->full()), what,
                ": another adapter on this model has another reward head, and a model has one; load it ",
                "on a model of its own");
    impl_->set_score(head, trainable);
    impl_->score_bias.reset();
    impl_->set_score_bias(weights, trainable);
    impl_->spec.num_labels = 1;
  }
  return push(impl_->adapters, std::move(adapter));
}

AdapterId Model::clone_adapter(AdapterId id) {
  const Adapter* source = impl_->adapter(id);
  check(source != nullptr, "clone_adapter: the base is not an adapter");
  return push(impl_->adapters, frozen_copy(*source, impl_->base));
}

void Model::remove_adapter(AdapterId id) {
  check(impl_->adapter(id) != nullptr, "remove_adapter: the base is not an adapter");
  impl_->adapters[static_cast<std::size_t>(id)].reset();
}

const LoraSpec& Model::adapter_spec(AdapterId id) const {
  const Adapter* adapter = impl_->adapter(id);
  check(adapter != nullptr, "adapter_spec: the base is not an adapter");
  return adapter->spec;
}

std::vector<std::pair<std::string, at::Tensor>> Model::adapter_tensors(AdapterId id) const {
  Adapter* adapter = impl_->adapter(id);
  check(adapter != nullptr, "adapter_tensors: the base is not an adapter");
  std::vector<std::pair<std::string, at::Tensor>> out;
  const auto add = [&](const Parameter& parameter) {
    out.emplace_back(kPeftPrefix + parameter.name, parameter.full().to(at::kFloat));
  };
  adapter->each_parameter(add);
  if (saves_score(adapter->spec) && impl_->score) { add(*impl_->score); }
  if (saves_score(adapter->spec) && impl_->score_bias) { add(*impl_->score_bias); }
  return out;
}

void Model::add_reward_head(std::uint64_t seed) {
  if (impl_->score) {
    const Placement wide = impl_->placement().wide();
    start_training(*impl_->score, wide);
    if (impl_->score_bias) { start_training(*impl_->score_bias, wide); }
    return;
  }
  const double deviation = 1 / std::sqrt(static_cast<double>(impl_->spec.hidden_size + 1));
  const std::string name = impl_->family.names.score + ".weight";
  impl_->set_score(random_normal({1, impl_->spec.hidden_size}, deviation, seed, name), true);
  impl_->spec.num_labels = 1;
}

bool Model::has_reward_head() const { return impl_->score != nullptr; }

std::vector<std::pair<std::string, at::Tensor>> Model::merged_tensors(AdapterId id,
                                                                      at::ScalarType dtype) const {
  const at::NoGradGuard no_grad;
  const Adapter* adapter = impl_->adapter(id);
  std::map<std::string, const AdapterModule*> changed;
  std::map<std::string, ExpertChange> experts;
  for (std::size_t i = 0; adapter != nullptr && i < adapter->modules.size(); ++i) {
    const std::optional<AdapterModule>& module = adapter->modules[i];
    const LinearInfo& linear = impl_->base.linears[i];
    if (!module) { continue; }
    if (linear.experts > 0) {
      add_expert_changes(linear, *module, impl_->family.names, experts);
    } else {
      changed[linear.module + ".weight"] = &*module;
    }
  }
  const at::ScalarType wide = master_dtype(impl_->dtype);
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (const auto& [name, tensor] : impl_->named_parameters()) {
    const auto found = changed.find(name);
    const auto expert = experts.find(name);
    if (expert != experts.end()) {
      out.emplace_back(name, merged_expert(tensor.to(wide), expert->second).to(dtype));
    } else if (found == changed.end()) {
      const auto base = impl_->by_name.find(name);
      const bool may_differ = adapter != nullptr && base != impl_->by_name.end();
      out.emplace_back(name, (may_differ ? adapter->version_of(base->second).full() : tensor).to(dtype));
    } else {
      out.emplace_back(name, merged_weight(tensor.to(wide), *found->second).to(dtype));
    }
    check_finite(out.back().second, name, "the merged model");
  }
  return weights::as_stored(impl_->spec, impl_->family.names, std::move(out));
}

}  // namespace una::model
