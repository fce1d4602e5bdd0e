#include "una/setup/ppo_preset.h"

#include "una/base/error.h"
#include "una/objective/methods.h"

namespace una::setup {
namespace {

// One key and its value in each preset; "": the preset leaves it at our default.
struct PresetKey {
  const char *name, *trl, *openrlhf;
};

// OpenRLHF's critic has its own optimiser: a learning rate of its own, and vf_coef 1.
constexpr PresetKey kPresets[] = {
    {"beta", "0.05", "0.01"},
    {"epsilon", "0.2", "0.2"},
    {"cliprange_value", "0.2", "0.5"},
    {"vf_coef", "0.1", "1"},
    {"max_completion_length", "53", ""},
    {"num_generations", "1", "1"},
    {"num_iterations", "4", "1"},
    {"num_mini_batches", "1", "8"},
    {"kl_estimator", "k1", "k1"},
    {"kl_control", "fixed", "fixed"},
    {"kl_horizon", "", "10000"},
    {"gamma", "1", "1"},
    {"lam", "0.95", "1"},
    {"whiten_rewards", "false", "false"},
    {"whiten_advantages", "true", "true"},
    {"reward_clip", "", "10"},
    {"critic_learning_rate", "0", "9e-6"},
    {"learning_rate", "3e-6", "1e-6"},
    {"lr_scheduler_type", "linear", "cosine_with_min_lr"},
    {"min_lr_ratio", "", "0.1"},
    {"warmup_ratio", "", "0.03"},
    {"adam_beta2", "", "0.95"},
};

}  // namespace

void apply_ppo_preset(const std::string& name, RunConfig& config) {
  if (objective::choose("ppo_preset", name, {"none", "trl", "openrlhf"}) == 0) { return; }
  check_input(config.method == "ppo", "ppo_preset is a key of ppo");
  Settings preset;
  for (const PresetKey& key : kPresets) {
    const std::string value = name == "trl" ? key.trl : key.openrlhf;
    if (!value.empty()) { preset.set(key.name, value, "ppo_preset " + name); }
  }
  read_options(preset, config);
}

}  // namespace una::setup
