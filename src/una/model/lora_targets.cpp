#include "una/model/lora_targets.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/pattern.h"
#include "una/base/printable.h"

namespace una::model {
namespace {

constexpr const char* kAllLinear = "all-linear";

// Each is compiled and tried on each linear.
constexpr std::size_t kMostPatterns = 10'000;

std::string shown(const std::string& pattern) {
  constexpr std::size_t kShown = 100;
  return cat("LoRA: \"", pattern.size() > kShown ? pattern.substr(0, kShown) + "..." : pattern, "\"");
}

std::string last_name(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// "q_proj, k_proj, ...": the linears' last names, once each, in model order.
std::vector<std::string> short_names(const std::vector<LinearInfo>& linears) {
  std::vector<std::string> out;
  for (const LinearInfo& linear : linears) {
    const std::string name = last_name(linear.module);
    if (linear.experts > 0) { continue; }
    if (std::find(out.begin(), out.end(), name) == out.end()) { out.push_back(name); }
  }
  return out;
}

[[noreturn]] void throw_unknown_target(const std::string& target, const std::vector<LinearInfo>& linears) {
  throw InputError(cat("LoRA target \"", printable(target),
                       "\" matches no linear of the model; its linears are ",
                       join(short_names(linears), ", "), " (full names such as ", linears[0].module, ")"));
}

// Whether a name is the entry, or ends in it after a dot.
bool is_or_ends(const std::string& name, const std::string& entry) {
  return name == entry || ends_with(name, "." + entry);
}

std::vector<bool> match_regex(const std::string& pattern, const std::vector<LinearInfo>& linears) {
  const Pattern whole = Pattern::whole(pattern, shown(pattern));
  std::vector<bool> out;
  for (const LinearInfo& linear : linears) {
    out.push_back(linear.experts == 0 && whole.found_in(linear.module));
  }
  if (std::find(out.begin(), out.end(), true) == out.end()) { throw_unknown_target(pattern, linears); }
  return out;
}

// The layer's number in digits; nullopt for one that no layer of a model has.
std::optional<std::int64_t> layer_number(const std::string& digits) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(number) : std::nullopt;
}

// Which layers of the model a spec keeps. The number is the last group, so that the user's pattern may have its own.
class LayerChoice {
 public:
  explicit LayerChoice(const LoraSpec& spec) : layers_(spec.layers_to_transform) {
    for (const std::string& name : spec.layers_pattern) {
      const Pattern alone(name, shown(name));
      patterns_.emplace_back("^(?:|.*?\\.)(?:" + name + ")\\.([0-9]+)\\.", shown(name));
    }
    if (patterns_.empty()) {
      patterns_.emplace_back(R"(^.*?\.[^.]*\.([0-9]+)\.)", "LoRA: layers_to_transform");
    }
  }

  bool keeps(const std::string& module) const {
    if (layers_.empty()) { return true; }
    for (const Pattern& pattern : patterns_) {
      const std::optional<std::string> digits = pattern.last_group(module);
      if (!digits) { continue; }
      const std::optional<std::int64_t> layer = layer_number(*digits);
      return layer && std::find(layers_.begin(), layers_.end(), *layer) != layers_.end();
    }
    return false;
  }

 private:
  std::vector<std::int64_t> layers_;
  std::vector<Pattern> patterns_;
};

std::vector<bool> match_names(const LoraSpec& spec, const std::vector<LinearInfo>& linears) {
  const LayerChoice layers(spec);
  std::vector<bool> out(linears.size(), false);
  for (const std::string& target : spec.target_modules) {
    bool found = false;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      const std::string& module = linears[i].module;
      if (linears[i].experts > 0 || !is_or_ends(module, target)) { continue; }
      found = true;
      if (module == target || layers.keeps(module)) { out[i] = true; }
    }
    if (!found) { throw_unknown_target(target, linears); }
  }
  check_input(std::find(out.begin(), out.end(), true) != out.end(),
              "LoRA: layers_to_transform leaves no layer of the model, whose layers are 0 to ",
              linears.back().layer, " of \"", linears[0].module, "\"");
  return out;
}

// Adds the experts that target_parameters names.
void match_parameters(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                      std::vector<bool>& chosen) {
  if (spec.target_parameters.empty()) { return; }
  check_input(spec.dropout == 0 && !spec.use_dora,
              "LoRA: target_parameters goes with neither lora_dropout nor DoRA, as in PEFT");
  std::vector<std::string> known;
  for (const LinearInfo& linear : linears) {
    if (linear.experts > 0) { known.push_back(linear.module); }
  }
  check_input(!known.empty(),
              "LoRA: target_parameters is for mixtures of experts; this model has no experts");
  for (const std::string& target : spec.target_parameters) {
    bool found = false;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      if (linears[i].experts == 0 || !is_or_ends(linears[i].module, target)) { continue; }
      found = chosen[i] = true;
    }
    check_input(found, "LoRA: target_parameters \"", target, "\" matches none of the model's; those are ",
                known[0], " and ", known[1], ", and the same of other layers");
  }
}

void resolve_names(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                   const std::vector<std::string>& defaults) {
  std::vector<std::string>& targets = spec.target_modules;
  if (targets.empty() && spec.target_parameters.empty()) {
    targets = defaults;
    spec.targets_are_regex = false;
  }
  if (targets.size() == 1 && targets[0] == kAllLinear) {
    targets = short_names(linears);
    spec.targets_are_regex = false;
  }
}

// PEFT's re.match((.*\.)?(pattern)$), compiled once for all modules.
template <class Value>
class Patterns {
 public:
  Patterns(const char* key, const std::vector<std::pair<std::string, Value>>& patterns) {
    check_input(patterns.size() <= kMostPatterns, "LoRA: ", key, " has ", patterns.size(),
                " patterns; the limit is ", kMostPatterns);
    for (const auto& [pattern, value] : patterns) {
      const Pattern alone(pattern, shown(pattern));
      patterns_.emplace_back(Pattern("^(.*\\.)?(" + pattern + ")$", shown(pattern)), value);
    }
  }

  Value first(const std::string& module, Value fallback) const {
    for (const auto& [pattern, value] : patterns_) {
      if (pattern.found_in(module)) { return value; }
    }
    return fallback;
  }

 private:
  std::vector<std::pair<Pattern, Value>> patterns_;
};

}  // namespace

std::vector<LinearInfo> expert_linears(const ModelSpec& spec, const weights::PartNames& names,
                                       std::int64_t layer) {
  const MoeSpec& moe = spec.moe;
  const weights::FusedExperts& stored = names.fused_experts.front();
  const auto info = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    return LinearInfo{.module = names.layer_prefix(layer) + name,
                      .layer = layer,
                      .in = in,
                      .out = out,
                      .experts = moe.num_experts,
                      .biased = moe.expert_bias};
  };
  return {info(stored.gate_up, spec.hidden_size, 2 * moe.expert_size),
          info(stored.down, moe.expert_size, spec.hidden_size)};
}

std::vector<LoraTarget> lora_targets(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                     const std::vector<std::string>& defaults) {
  resolve_names(spec, linears, defaults);
  std::vector<bool> chosen(linears.size(), false);
  if (!spec.target_modules.empty()) {
    chosen =
        spec.targets_are_regex ? match_regex(spec.target_modules[0], linears) : match_names(spec, linears);
  }
  match_parameters(spec, linears, chosen);
  const Patterns<std::int64_t> ranks("rank_pattern", spec.rank_pattern);
  const Patterns<double> alphas("alpha_pattern", spec.alpha_pattern);
  std::vector<LoraTarget> out;
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (!chosen[i]) { continue; }
    const std::string& module = linears[i].module;
    const std::int64_t rank = ranks.first(module, spec.r);
    check_input(rank > 0, "LoRA: rank_pattern gives ", module, " the rank ", rank);
    out.push_back({i, rank, spec.scale(rank, alphas.first(module, spec.alpha))});
  }
  return out;
}

}  // namespace una::model
