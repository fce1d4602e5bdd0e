#include "una/setup/methods.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/methods.h"

namespace una::setup {
namespace {

// The paper's offline recipe for scores (arXiv 2408.15339).
void una_defaults(RunConfig& config) {
  config.objective.beta = 0.03;
  config.train.learning_rate = 3e-5;
  config.train.num_train_epochs = 2;
  config.train.lr_scheduler_type = "cosine";
  config.train.warmup_ratio = 0.1;
}

void trl_defaults(RunConfig&) {}

void sft_defaults(RunConfig& config) {
  config.train.learning_rate = 2e-5;
  config.train.disable_dropout = false;
}

void reward_defaults(RunConfig& config) { config.train.learning_rate = 1e-4; }

// Centred on the group: the exact gradient of J (docs/online.md).
void una_online_defaults(RunConfig& config) {
  config.objective.beta = 0.03;
  config.objective.una_link = "identity";
  config.objective.una_f = "group";
  config.train.learning_rate = 5e-6;
  config.train.num_train_epochs = 1;
}

void rloo_defaults(RunConfig& config) {
  config.objective.beta = 0.05;
  config.online.num_generations = 2;
}

void grpo_defaults(RunConfig& config) {
  config.objective.beta = 0;
  config.objective.loss_type = "dapo";
}

void online_dpo_defaults(RunConfig& config) {
  config.online.num_generations = 2;
  config.train.learning_rate = 5e-7;
}

void ppo_defaults(RunConfig& config) {
  config.objective.beta = 0.05;
  config.objective.max_completion_length = 53;
  config.train.learning_rate = 3e-6;
  config.online.num_generations = 1;
  config.online.num_iterations = 4;
}

const std::vector<std::string> kPpoKeys = {"ppo_preset",         "kl_estimator", "kl_control",
                                           "kl_target",          "kl_horizon",   "critic",
                                           "critic_from",        "lam",          "critic_learning_rate",
                                           "value_warmup_steps", "gamma",        "whiten_rewards",
                                           "whiten_advantages"};

// Keys of the loss that mean something only for answers that the policy itself sampled.
const std::vector<std::string> kSampleKeys = {"max_completion_length",   "kl_early_stop",
                                              "ratio_threshold",         "importance_sampling_correction",
                                              "importance_sampling_cap", "una_clip"};

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class Options>
bool is_key_of(const std::string& key) {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const OptionHelp& option : describe_options(Options{})) { names.push_back(option.name); }
    return names;
  }();
  return has(kNames, key);
}

std::vector<std::string> readers(const std::string& key) {
  std::vector<std::string> names;
  for (const Method& method : methods()) {
    if (reads_key(method, key)) { names.push_back(method.name); }
  }
  return names;
}

std::string sentence_of(const std::string& key, const Setting& setting, const std::string& method) {
  const std::vector<std::string> others = readers(key);
  return cat(
      setting.origin, ": ", method, " does not read this key",
      others.empty() ? std::string() : cat("; ", join(others, ", "), others.size() == 1 ? " does" : " do"));
}

}  // namespace

const std::vector<Method>& methods() {
  using Kind = online::Method;
  static const std::vector<Method> kMethods = {
      {.name = "una",
       .summary = "pairs, thumbs and scores, mixed, by one implicit reward",
       .objective = "una",
       .defaults = una_defaults,
       .own_keys = {"sft_target", "value_learning_rate"}},
      {.name = "dpo",
       .summary = "pairs, by TRL's list of losses (--loss_type)",
       .objective = "dpo",
       .defaults = trl_defaults},
      {.name = "kto", .summary = "thumbs, up and down", .objective = "kto", .defaults = trl_defaults},
      {.name = "sft",
       .summary = "supervised fine-tuning on the good answers",
       .objective = "sft",
       .has_reference = false,
       .defaults = sft_defaults},
      {.name = "reward",
       .summary = "a reward model, from pairs or scores",
       .objective = "reward",
       .has_reference = false,
       .defaults = reward_defaults},
      {.name = "una_online",
       .summary = "own samples, fitted to their rewards",
       .objective = "una",
       .online = Kind::kUna,
       .defaults = una_online_defaults,
       .own_keys = {"sft_target", "value_learning_rate", "anchor", "num_reference_generations"}},
      {.name = "rloo",
       .summary = "own samples, REINFORCE leave-one-out",
       .objective = "rloo",
       .online = Kind::kRloo,
       .defaults = rloo_defaults},
      {.name = "grpo",
       .summary = "own samples, advantages relative to their group",
       .objective = "grpo",
       .online = Kind::kGrpo,
       .defaults = grpo_defaults},
      {.name = "online_dpo",
       .summary = "the best and the worst of own samples as pairs",
       .objective = "dpo",
       .online = Kind::kOnlineDpo,
       .defaults = online_dpo_defaults},
      {.name = "ppo",
       .summary = "own samples, with a critic",
       .objective = "ppo",
       .online = Kind::kPpo,
       .defaults = ppo_defaults,
       .own_keys = kPpoKeys},
  };
  return kMethods;
}

const Method& find_method(const std::string& name) {
  std::vector<std::string> names;
  for (const Method& method : methods()) {
    if (method.name == name) { return method; }
    names.push_back(method.name);
  }
  const std::vector<std::string> losses = objective::pair_loss_names();
  check_input(!has(losses, name), "method: '", name, "' is a loss of dpo: --method dpo --loss_type ", name);
  objective::choose("method", name, names);  // throws: the name is not one of them
  throw InternalError(cat("no method ", name));
}

bool is_online(const std::string& method) { return find_method(method).online.has_value(); }

bool reads_key(const Method& method, const std::string& key) {
  if (is_key_of<objective::ObjectiveOptions>(key)) {
    if (has(kSampleKeys, key) && !method.online) { return false; }
    // Every online method samples answers of some length, and weighs rows of offline_data by the loss's own keys.
    return key == "max_completion_length" || objective::keys_read(method.objective).count(key) > 0;
  }
  if (has(method.own_keys, key)) { return true; }
  const bool is_someones = std::any_of(methods().begin(), methods().end(),
                                       [&](const Method& other) { return has(other.own_keys, key); });
  if (is_someones) { return false; }
  if (key == "kl_budget" || is_key_of<HeldOutOptions>(key)) { return method.objective != "reward"; }
  if (key == "reward_command_timeout") { return method.objective != "reward"; }  // eval_reward too
  if (is_key_of<online::OnlineOptions>(key)) { return method.online.has_value(); }
  if (key == "ref_model" || key == "precompute_ref_log_probs") { return method.has_reference; }
  return true;
}

void check_keys_read(const Settings& given, const RunConfig& config, const std::vector<std::string>& also) {
  const Method& method = find_method(config.method);
  const std::vector<OptionHelp> now = describe_options(config);
  const std::vector<OptionHelp> defaults = describe_options(default_config(config.method));
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::string& key = now[i].name;
    const Setting* setting = given.find(key);
    if (setting == nullptr || has(also, key) || reads_key(method, key)) { continue; }
    const bool from_file = !starts_with(setting->origin, "--");
    if (from_file && now[i].fallback == defaults[i].fallback) { continue; }
    sentences.push_back(sentence_of(key, *setting, method.name));
  }
  if (!sentences.empty()) { throw InputError(join(sentences, "; ")); }
}

}  // namespace una::setup
