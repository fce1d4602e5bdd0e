#include "una/model/lora.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>
#include <set>

#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/initialize.h"
#include "una/model/name_check.h"

namespace una::model {
namespace {

constexpr const char* kAllLinear = "all-linear";

std::regex compile(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    throw InputError(
        cat("LoRA: \"", pattern, "\" is not a regular expression that una can read (", error.what(), ")"));
  }
}

std::string last_name(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// "q_proj, k_proj, ...": the linears' last names, once each, in model order.
std::vector<std::string> short_names(const std::vector<LinearInfo>& linears) {
  std::vector<std::string> out;
  for (const LinearInfo& linear : linears) {
    const std::string name = last_name(linear.module);
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

[[noreturn]] void throw_unknown_target(const std::string& target, const std::vector<LinearInfo>& linears) {
  throw InputError(cat("LoRA target \"", target, "\" matches no linear of the model; its linears are ",
                       join(short_names(linears), ", "), " (full names such as ", linears[0].module, ")"));
}

std::vector<bool> match_regex(const std::string& pattern, const std::vector<LinearInfo>& linears) {
  const std::regex regex = compile(pattern);
  std::vector<bool> out;
  for (const LinearInfo& linear : linears) out.push_back(std::regex_match(linear.module, regex));
  if (std::find(out.begin(), out.end(), true) == out.end()) throw_unknown_target(pattern, linears);
  return out;
}

// The value of the first pattern that matches (.*\.)?(pattern)$ from the name's beginning, as PEFT's.
template <class Value>
Value first_match(const std::map<std::string, Value>& patterns, const std::string& module, Value fallback) {
  for (const auto& [pattern, value] : patterns) {
    if (std::regex_match(module, compile("(.*\\.)?(" + pattern + ")"))) return value;
  }
  return fallback;
}

void check_spec(const LoraSpec& spec) {
  check_input(spec.r > 0, cat("LoRA: r is ", spec.r, ", but must be at least 1"));
  check_input(spec.dropout >= 0 && spec.dropout < 1,
              cat("LoRA: dropout is ", spec.dropout, ", but must be in [0, 1)"));
  for (const std::string& name : spec.modules_to_save) {
    check_input(name == "score", cat("LoRA: modules_to_save \"", name,
                                     "\" is not supported; only \"score\", a reward model's head, is"));
  }
}

struct ModulePlan {
  std::string a_name, b_name;
  std::int64_t rank = 0;
  double scale = 1;
};

ModulePlan plan_module(const LoraSpec& spec, const LinearInfo& linear) {
  const std::int64_t rank = module_rank(spec, linear.module);
  check_input(rank > 0, cat("LoRA: rank_pattern gives ", linear.module, " the rank ", rank));
  return {linear.module + ".lora_A.weight", linear.module + ".lora_B.weight", rank,
          spec.scale(rank, module_alpha(spec, linear.module))};
}

// One plan a linear, none where the adapter leaves it alone; `what` names the adapter's folder in errors.
std::vector<std::optional<ModulePlan>> plan_loaded(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                                   const std::vector<std::string>& defaults,
                                                   const std::string& what) {
  try {
    check_spec(spec);
    const std::vector<bool> chosen = resolve_targets(spec, linears, defaults);
    std::vector<std::optional<ModulePlan>> out(linears.size());
    for (std::size_t i = 0; i < linears.size(); ++i) {
      if (chosen[i]) out[i] = plan_module(spec, linears[i]);
    }
    return out;
  } catch (const InputError& error) {
    throw InputError(cat(what, ": ", error.what()));
  }
}

}  // namespace

std::int64_t Adapter::lowest_layer(const std::vector<LinearInfo>& linears) const {
  std::int64_t lowest = INT64_MAX;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i]) lowest = std::min(lowest, linears[i].layer);
  }
  return lowest;
}

std::vector<bool> resolve_targets(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                  const std::vector<std::string>& defaults) {
  std::vector<std::string>& targets = spec.target_modules;
  if (targets.empty()) {
    targets = defaults;
    spec.targets_are_regex = false;
  }
  if (targets.size() == 1 && targets[0] == kAllLinear) {
    targets = short_names(linears);
    spec.targets_are_regex = false;
  }
  if (spec.targets_are_regex) return match_regex(targets[0], linears);
  std::vector<bool> out(linears.size(), false);
  for (const std::string& target : targets) {
    bool found = false;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      const std::string& module = linears[i].module;
      if (module != target && !ends_with(module, "." + target)) continue;
      out[i] = found = true;
    }
    if (!found) throw_unknown_target(target, linears);
  }
  return out;
}

std::int64_t module_rank(const LoraSpec& spec, const std::string& module) {
  return first_match(spec.rank_pattern, module, spec.r);
}

double module_alpha(const LoraSpec& spec, const std::string& module) {
  return first_match(spec.alpha_pattern, module, spec.alpha);
}

Adapter make_adapter(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                     const std::vector<std::string>& defaults, std::uint64_t seed, at::ScalarType compute,
                     bool trainable) {
  check_spec(spec);
  Adapter out{.spec = spec, .trainable = trainable, .modules = {}};
  const std::vector<bool> chosen = resolve_targets(out.spec, linears, defaults);
  out.modules.resize(linears.size());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (!chosen[i]) continue;
    const LinearInfo& linear = linears[i];
    const ModulePlan plan = plan_module(out.spec, linear);
    const double bound = 1 / std::sqrt(static_cast<double>(linear.in));
    out.modules[i] = AdapterModule{
        make_parameter(plan.a_name, random_uniform({plan.rank, linear.in}, bound, seed, plan.a_name), compute,
                       trainable, true),
        make_parameter(plan.b_name, at::zeros({linear.out, plan.rank}, at::kFloat), compute, trainable, true),
        plan.scale};
  }
  return out;
}

Adapter load_adapter(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                     const std::vector<std::string>& defaults, const weights::StateDict& weights,
                     at::ScalarType compute, bool trainable, const std::string& what) {
  Adapter out{.spec = spec, .trainable = trainable, .modules = {}};
  const std::vector<std::optional<ModulePlan>> plans = plan_loaded(out.spec, linears, defaults, what);
  std::vector<ExpectedTensor> expected;
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (!plans[i]) continue;
    expected.push_back({plans[i]->a_name, {plans[i]->rank, linears[i].in}});
    expected.push_back({plans[i]->b_name, {linears[i].out, plans[i]->rank}});
  }
  check_names(
      expected, weights,
      [](const std::string& name) { return name == "score.weight" || name == "score.bias"; }, what);
  out.modules.resize(linears.size());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (!plans[i]) continue;
    // fp32, as PEFT loads adapters: the file may go away, and training starts from these values.
    const auto read = [&](const std::string& name) {
      return make_parameter(name, weights.at(name).to(master_dtype(compute)), compute, trainable, true);
    };
    out.modules[i] = AdapterModule{read(plans[i]->a_name), read(plans[i]->b_name), plans[i]->scale};
  }
  return out;
}

kernels::LoraTerm lora_term(const AdapterModule& module, double dropout, std::uint64_t dropout_key) {
  return {.a = module.a.weight(),
          .b = module.b.weight(),
          .scale = module.scale,
          .dropout = dropout,
          .dropout_key = dropout_key};
}

}  // namespace una::model
