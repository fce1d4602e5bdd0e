// Model's adapters and reward head: adding, loading, cloning, reading, merging.
#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>

#include "una/base/error.h"
#include "una/model/initialize.h"
#include "una/model/model_impl.h"
#include "una/model/name_check.h"

namespace una::model {
namespace {

constexpr const char* kPeftPrefix = "base_model.model.";

bool saves_score(const LoraSpec& spec) { return !spec.modules_to_save.empty(); }

AdapterId push(std::vector<std::unique_ptr<Adapter>>& adapters, Adapter adapter) {
  adapters.push_back(std::make_unique<Adapter>(std::move(adapter)));
  return static_cast<AdapterId>(adapters.size()) - 1;
}

}  // namespace

AdapterId Model::add_adapter(const LoraSpec& spec, std::uint64_t seed, bool trainable) {
  const AdapterId id = push(impl_->adapters, make_adapter(spec, impl_->linears, impl_->family.default_targets,
                                                          seed, impl_->dtype, trainable));
  if (saves_score(spec) && trainable) add_reward_head(seed);
  return id;
}

AdapterId Model::load_adapter(const LoraSpec& spec, const weights::StateDict& weights, bool trainable,
                              const std::string& what) {
  Adapter adapter = model::load_adapter(spec, impl_->linears, impl_->family.default_targets, weights,
                                        impl_->dtype, trainable, what);
  const std::string score = impl_->family.names.score + ".weight";
  if (saves_score(spec) || weights.has(score)) {
    const std::string bias = impl_->family.names.score + ".bias";
    std::vector<ExpectedTensor> expected = {{score, {1, impl_->spec.hidden_size}}};
    if (weights.has(bias)) expected.push_back({bias, {1}});
    check_names(expected, weights, [&](const std::string& name) { return name != score; }, what);
    impl_->set_score(weights.at(score).to(master_dtype(impl_->dtype)), trainable);
    impl_->score_bias.reset();
    impl_->set_score_bias(weights, trainable);
    impl_->spec.num_labels = 1;
  }
  return push(impl_->adapters, std::move(adapter));
}

AdapterId Model::clone_adapter(AdapterId id) {
  const Adapter* source = impl_->adapter(id);
  check(source != nullptr, "clone_adapter: the base is no adapter");
  Adapter copy{.spec = source->spec, .trainable = false, .modules = {}};
  copy.modules.resize(source->modules.size());
  for (std::size_t i = 0; i < copy.modules.size(); ++i) {
    const std::optional<AdapterModule>& module = source->modules[i];
    if (!module) continue;
    const auto freeze = [&](const Parameter& parameter) {
      return make_parameter(parameter.name, parameter.full().clone(), impl_->dtype, false, parameter.decay);
    };
    copy.modules[i] = AdapterModule{freeze(module->a), freeze(module->b), module->scale};
  }
  return push(impl_->adapters, std::move(copy));
}

const LoraSpec& Model::adapter_spec(AdapterId id) const {
  const Adapter* adapter = impl_->adapter(id);
  check(adapter != nullptr, "adapter_spec: the base is no adapter");
  return adapter->spec;
}

std::vector<std::pair<std::string, at::Tensor>> Model::adapter_tensors(AdapterId id) const {
  const Adapter* adapter = impl_->adapter(id);
  check(adapter != nullptr, "adapter_tensors: the base is no adapter");
  std::vector<std::pair<std::string, at::Tensor>> out;
  const auto add = [&](const Parameter& parameter) {
    out.emplace_back(kPeftPrefix + parameter.name, parameter.full().to(at::kFloat));
  };
  for (const auto& module : adapter->modules) {
    if (!module) continue;
    add(module->a);
    add(module->b);
  }
  if (saves_score(adapter->spec) && impl_->score) add(*impl_->score);
  if (saves_score(adapter->spec) && impl_->score_bias) add(*impl_->score_bias);
  return out;
}

void Model::add_reward_head(std::uint64_t seed) {
  if (impl_->score) {
    start_training(*impl_->score, master_dtype(impl_->dtype));
    if (impl_->score_bias) start_training(*impl_->score_bias, master_dtype(impl_->dtype));
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
  for (std::size_t i = 0; adapter != nullptr && i < adapter->modules.size(); ++i) {
    const std::optional<AdapterModule>& module = adapter->modules[i];
    if (module) changed[impl_->linears[i].module + ".weight"] = &*module;
  }
  const at::ScalarType wide = master_dtype(impl_->dtype);
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (auto& [name, tensor] : named_tensors()) {
    const auto found = changed.find(name);
    if (found == changed.end()) {
      out.emplace_back(name, tensor.to(dtype));
      continue;
    }
    const AdapterModule& module = *found->second;
    out.emplace_back(
        name, at::addmm(tensor.to(wide), module.b.full().to(wide), module.a.full().to(wide), 1, module.scale)
                  .to(dtype));
  }
  return out;
}

}  // namespace una::model
