#pragma once

#include <string>

#include "una/setup/run_config.h"

namespace una::setup {

// Another program's defaults for PPO, over ours and under the user's own settings: "none", "trl" (PPOConfig
// of the last TRL release with a PPOTrainer), "openrlhf" (train_ppo_ray). InputError on another name, or on a
// preset of another method. docs/online.md lists what each sets.
void apply_ppo_preset(const std::string& name, RunConfig& config);

}  // namespace una::setup
