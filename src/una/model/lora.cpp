#include "una/model/lora.h"

#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/div.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/adapter_origin.h"
#include "una/model/initialize.h"
#include "una/model/name_check.h"

namespace una::model {
namespace {

// Far above any useful rank, and small enough that sizes do not overflow.
constexpr std::int64_t kLargestRank = 65536;

void check_spec(const LoraSpec& spec) {
  check_input(spec.r > 0, "LoRA: r is ", spec.r, ", but must be at least 1");
  check_input(spec.r <= kLargestRank, "LoRA: r is ", spec.r, ", but must be at most ", kLargestRank);
  check_input(spec.dropout >= 0 && spec.dropout < 1, "LoRA: dropout is ", spec.dropout,
              ", but must be in [0, 1)");
}

// The names of a module's tensors in files.
struct ModuleNames {
  std::string a, b, magnitude;
  explicit ModuleNames(const std::string& module)
      : a(module + ".lora_A.weight"),
        b(module + ".lora_B.weight"),
        magnitude(module + ".lora_magnitude_vector") {}
};

// The module that holds a target's tensors in files. PEFT wraps the module of the experts once for each of its
// parameters, in their order: of two, the first is the inner one.
std::string stored_module(const LinearInfo& linear, const std::vector<LoraTarget>& targets,
                          const std::vector<LinearInfo>& linears) {
  if (linear.experts == 0) { return linear.module; }
  const std::string module = linear.module.substr(0, linear.module.rfind('.'));
  bool inner = false;
  for (const LoraTarget& target : targets) {
    const LinearInfo& other = linears[target.linear];
    inner = inner || (other.experts > 0 && other.layer == linear.layer && &other > &linear);
  }
  return inner ? module + ".base_layer" : module;
}

// The rows of A and the columns of B: PEFT stacks the experts' A [r, in], and interleaves the columns of their B.
std::int64_t stored_rank(const LoraTarget& target, const LinearInfo& linear) {
  return target.rank * std::max<std::int64_t>(1, linear.experts);
}

// What an adapter of a spec changes in a base.
struct AdapterPlan {
  std::vector<LoraTarget> targets;
  std::vector<CopyPlan> copies;
};

AdapterPlan plan_adapter(LoraSpec& spec, const AdapterBase& base) {
  check_spec(spec);
  AdapterPlan out;
  out.targets = lora_targets(spec, base.linears, base.default_targets);
  for (const LoraTarget& target : out.targets) {
    check_input(target.rank <= kLargestRank, "LoRA: rank_pattern gives ", base.linears[target.linear].module,
                " the rank ", target.rank, ", but it must be at most ", kLargestRank);
  }
  out.copies = planned_copies(spec, base.savable, base.linears, out.targets);
  return out;
}

// The same for an adapter in a folder, which errors name.
AdapterPlan plan_loaded(LoraSpec& spec, const AdapterBase& base, const std::string& what) {
  try {
    return plan_adapter(spec, base);
  } catch (const InputError& error) { throw InputError(cat(what, ": ", error.what())); }
}

std::vector<ExpectedTensor> expected_tensors(const AdapterPlan& plan, bool use_dora,
                                             const AdapterBase& base) {
  std::vector<ExpectedTensor> out;
  for (const LoraTarget& target : plan.targets) {
    const LinearInfo& linear = base.linears[target.linear];
    const ModuleNames names(stored_module(linear, plan.targets, base.linears));
    const std::int64_t rank = stored_rank(target, linear);
    out.push_back({names.a, {rank, linear.in}});
    out.push_back({names.b, {linear.out, rank}});
    if (use_dora) { out.push_back({names.magnitude, {linear.out}}); }
  }
  for (const CopyPlan& copy : plan.copies) { out.push_back({copy.name, copy.base->value.sizes().vec()}); }
  return out;
}

at::Tensor row_norms(const AdapterModule& module, const LinearInfo& linear) {
  return kernels::dora_norm(linear.weight->present(), module.a.full(), module.b.full(), module.scale);
}

void add_copy(Adapter& adapter, const Parameter* base, AdapterCopy copy) {
  adapter.copy_of[base] = adapter.copies.size();
  adapter.copies.push_back(std::move(copy));
}

}  // namespace

std::int64_t Adapter::lowest_layer(const std::vector<LinearInfo>& linears) const {
  std::int64_t lowest = INT64_MAX;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i]) { lowest = std::min(lowest, linears[i].layer); }
  }
  for (const AdapterCopy& copy : copies) { lowest = std::min(lowest, copy.layer); }
  return lowest;
}

AdapterSize adapter_size(LoraSpec spec, const AdapterBase& base) {
  const AdapterPlan plan = plan_adapter(spec, base);
  AdapterSize out{.lowest_layer = INT64_MAX};
  for (const LoraTarget& target : plan.targets) {
    const LinearInfo& linear = base.linears[target.linear];
    out.parameters += stored_rank(target, linear) * (linear.in + linear.out);
    if (linear.experts == 0) { out.ranks += target.rank; }  // those of experts are computed again
    if (spec.use_dora) { out.magnitudes += linear.out; }
    out.lowest_layer = std::min(out.lowest_layer, linear.layer);
  }
  out.parameters += out.magnitudes;
  for (const CopyPlan& copy : plan.copies) {
    out.parameters += copy.base->value.numel();
    out.lowest_layer = std::min(out.lowest_layer, copy.layer);
  }
  return out;
}

Adapter make_adapter(const LoraSpec& spec, const AdapterBase& base, std::uint64_t seed, bool trainable) {
  Adapter out{.spec = spec, .trainable = trainable, .modules = {}, .copies = {}, .copy_of = {}};
  const AdapterPlan plan = plan_adapter(out.spec, base);
  out.modules.resize(base.linears.size());
  const Placement& own = base.placement;
  const auto parameter = [&](const std::string& name, const at::Tensor& values, const Placement& placement) {
    return make_parameter(name, values, placement, trainable, true);
  };
  for (const LoraTarget& target : plan.targets) {
    const LinearInfo& linear = base.linears[target.linear];
    const ModuleNames names(stored_module(linear, plan.targets, base.linears));
    const std::int64_t rank = stored_rank(target, linear);
    const double bound = 1 / std::sqrt(static_cast<double>(linear.in));
    const at::Tensor a = random_uniform({rank, linear.in}, bound, seed, names.a);
    AdapterModule module{.a = parameter(names.a, a, own),
                         .b = parameter(names.b, at::zeros({linear.out, rank}, at::kFloat), own),
                         .scale = target.scale};
    if (spec.use_dora) {
      module.magnitude = parameter(names.magnitude, row_norms(module, linear).cpu(), own.wide());
    }
    out.modules[target.linear] = std::move(module);
  }
  for (const CopyPlan& copy : plan.copies) {
    const Parameter& from = *copy.base;
    add_copy(out, copy.base,
             {make_parameter(copy.name, from.full().clone(), own, trainable, from.decay), copy.layer});
  }
  refresh_dora(out, base);
  return out;
}

Adapter load_adapter(const LoraSpec& spec, const AdapterBase& base, const weights::StateDict& weights,
                     bool trainable, const std::string& what) {
  Adapter out{.spec = spec, .trainable = trainable, .modules = {}, .copies = {}, .copy_of = {}};
  const AdapterPlan plan = plan_loaded(out.spec, base, what);
  check_names(
      expected_tensors(plan, spec.use_dora, base), weights,
      [](const std::string& name) { return name == "score.weight" || name == "score.bias"; }, what,
      other_model(spec, base, weights));
  for (const auto& [name, tensor] : weights.all()) { check_finite(tensor, name, what); }
  out.modules.resize(base.linears.size());
  const Placement& own = base.placement;
  // fp32, as PEFT loads adapters: the file may go away, and training starts from these values.
  const auto read = [&](const std::string& name, const Placement& placement, bool decay = true) {
    return make_parameter(name, weights.at(name).to(own.wide().compute), placement, trainable, decay);
  };
  for (const LoraTarget& target : plan.targets) {
    const ModuleNames names(stored_module(base.linears[target.linear], plan.targets, base.linears));
    AdapterModule module{.a = read(names.a, own), .b = read(names.b, own), .scale = target.scale};
    if (spec.use_dora) { module.magnitude = read(names.magnitude, own.wide()); }
    out.modules[target.linear] = std::move(module);
  }
  for (const CopyPlan& copy : plan.copies) {
    add_copy(out, copy.base, {read(copy.name, own, copy.base->decay), copy.layer});
  }
  refresh_dora(out, base);
  return out;
}

Adapter frozen_copy(const Adapter& adapter, const AdapterBase& base) {
  Adapter out = adapter;  // the tensors are shared until here
  out.trainable = false;
  const Placement& own = base.placement;
  const auto freeze = [](Parameter& parameter, const Placement& placement) {
    parameter = make_parameter(parameter.name, parameter.full().clone(), placement, false, parameter.decay);
  };
  for (std::optional<AdapterModule>& module : out.modules) {
    if (!module) { continue; }
    freeze(module->a, own);
    freeze(module->b, own);
    if (module->magnitude) { freeze(*module->magnitude, own.wide()); }
  }
  for (AdapterCopy& copy : out.copies) { freeze(copy.parameter, own); }
  refresh_dora(out, base);
  return out;
}

void refresh_dora(Adapter& adapter, const AdapterBase& base) {
  if (!adapter.spec.use_dora) { return; }
  for (std::size_t i = 0; i < adapter.modules.size(); ++i) {
    std::optional<AdapterModule>& module = adapter.modules[i];
    if (!module || !module->magnitude) { continue; }
    module->norm = row_norms(*module, base.linears[i]);
    if (!module->magnitude->trains()) { module->gain = at::div(module->magnitude->value, module->norm); }
  }
}

kernels::LoraTerm lora_term(const AdapterModule& module, double dropout, std::uint64_t dropout_key) {
  kernels::LoraTerm out{.a = module.a.weight(),
                        .b = module.b.weight(),
                        .scale = module.scale,
                        .dropout = dropout,
                        .dropout_key = dropout_key};
  if (!module.magnitude) { return out; }
  out.gain = module.gain;
  if (!module.magnitude->trains()) { return out; }
  const at::NoGradGuard no_grad;
  out.gain = at::div(module.magnitude->master, module.norm);
  out.magnitude_master = module.magnitude->master;
  out.norm = module.norm;
  return out;
}

}  // namespace una::model
