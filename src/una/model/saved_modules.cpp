#include "una/model/saved_modules.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::model {
namespace {

constexpr const char* kScore = "score";

// "embed_tokens, input_layernorm, ...": without duplicates, in the model's order.
std::string short_names(const std::vector<SavableModule>& savable) {
  std::vector<std::string> out;
  for (const SavableModule& each : savable) {
    const std::string name = each.module.substr(each.module.rfind('.') + 1);
    if (!each.tied && std::find(out.begin(), out.end(), name) == out.end()) { out.push_back(name); }
  }
  return join(out, ", ");
}

// A reward model does not use the head, so its embedding is not bound to one.
bool is_bound(const SavableModule& module, const LoraSpec& spec) {
  return module.tied && (module.is_head || !saves_score(spec));
}

void add_modules(const LoraSpec& spec, const std::vector<SavableModule>& savable,
                 std::vector<CopyPlan>& out) {
  std::vector<bool> found(spec.modules_to_save.size(), false);
  for (const SavableModule& each : savable) {
    bool wanted = false;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string& entry = spec.modules_to_save[i];
      if (entry == kScore || !ends_with(each.module, entry)) { continue; }
      check_input(!is_bound(each, spec), "LoRA: modules_to_save \"", entry,
                  "\": this model's head is its embedding ",
                  "(tie_word_embeddings), and a copy of one would untie them; leave it out");
      wanted = found[i] = true;
    }
    if (wanted) { out.push_back({each.weight->name, each.weight, each.layer}); }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string& entry = spec.modules_to_save[i];
    check_input(found[i] || entry == kScore, "LoRA: modules_to_save \"", entry,
                "\" is not a module that can be saved whole; those are ", short_names(savable),
                " and, for reward models, score");
  }
}

void add_biases(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                const std::vector<LoraTarget>& targets, std::vector<CopyPlan>& out) {
  std::vector<bool> adapted(linears.size(), false);
  for (const LoraTarget& target : targets) { adapted[target.linear] = true; }
  for (std::size_t i = 0; i < linears.size(); ++i) {
    const LinearInfo& linear = linears[i];
    check_input(
        !linear.biased || spec.bias != "all",
        "LoRA: bias \"all\" would train the biases of experts and routers too, which una does not; choose ",
        "lora_only or none");
    if (linear.bias == nullptr || !(adapted[i] || spec.bias == "all")) { continue; }
    out.push_back({linear.module + (adapted[i] ? ".base_layer.bias" : ".bias"), linear.bias, linear.layer});
  }
}

}  // namespace

std::vector<SavableModule> savable_modules(const ModelSpec& spec, const PartNames& names,
                                           const std::function<const Parameter*(const std::string&)>& find) {
  const bool tied = spec.tie_word_embeddings && !spec.is_reward_model();
  std::vector<SavableModule> out;  // a norm with a bias is not one: only its weight would be copied
  out.push_back({.module = names.embedding, .weight = find(names.embedding + ".weight"), .tied = tied});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = names.layer_prefix(layer);
    for (const std::string& norm :
         {names.attention_norm, names.attention_post_norm, names.q_norm, names.k_norm, names.mlp_norm,
          names.mlp_post_norm, names.layer_input_norm}) {
      const Parameter* weight = norm.empty() ? nullptr : find(prefix + norm + ".weight");
      if (weight != nullptr && !spec.norm_bias) {
        out.push_back({.module = prefix + norm, .weight = weight, .layer = layer});
      }
    }
  }
  if (const Parameter* norm = find(names.input_projection_norm + ".weight"); norm != nullptr) {
    out.push_back({.module = names.input_projection_norm, .weight = norm, .layer = 0});
  }
  if (!spec.norm_bias) {
    out.push_back(
        {.module = names.final_norm, .weight = find(names.final_norm + ".weight"), .layer = spec.num_layers});
  }
  const Parameter* head = find((spec.tie_word_embeddings ? names.embedding : names.head) + ".weight");
  if (head != nullptr) {
    out.push_back(
        {.module = names.head, .weight = head, .layer = spec.num_layers, .tied = tied, .is_head = true});
  }
  return out;
}

std::vector<CopyPlan> planned_copies(const LoraSpec& spec, const std::vector<SavableModule>& savable,
                                     const std::vector<LinearInfo>& linears,
                                     const std::vector<LoraTarget>& targets) {
  check_input(spec.bias == "none" || spec.bias == "lora_only" || spec.bias == "all", "LoRA: bias \"",
              spec.bias, "\" is unknown, choose none, lora_only or all");
  std::vector<CopyPlan> out;
  add_modules(spec, savable, out);
  if (spec.bias != "none") { add_biases(spec, linears, targets, out); }
  return out;
}

bool saves_score(const LoraSpec& spec) {
  return std::find(spec.modules_to_save.begin(), spec.modules_to_save.end(), kScore) !=
         spec.modules_to_save.end();
}

}  // namespace una::model
