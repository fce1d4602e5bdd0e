#include "una/setup/ppo_preset.h"

#include "una/base/error.h"
#include "una/objective/methods.h"

namespace una::setup {
namespace {

void apply_trl(RunConfig& config) {
  config.objective.beta = 0.05;
  config.objective.epsilon = 0.2;
  config.objective.cliprange_value = 0.2;
  config.objective.vf_coef = 0.1;
  config.objective.max_completion_length = 53;
  config.online.num_generations = 1;
  config.online.num_iterations = 4;
  config.online.num_mini_batches = 1;
  config.online.kl_estimator = "k1";
  config.online.kl_control = "fixed";
  config.online.gamma = 1;
  config.online.lam = 0.95;
  config.online.whiten_rewards = false;
  config.online.whiten_advantages = true;
  config.online.critic_learning_rate = 0;
  config.train.learning_rate = 3e-6;
  config.train.lr_scheduler_type = "linear";
}

// The critic has its own optimiser there: a rate of its own, and no vf_coef.
void apply_openrlhf(RunConfig& config) {
  config.objective.beta = 0.01;
  config.objective.epsilon = 0.2;
  config.objective.cliprange_value = 0.5;
  config.objective.vf_coef = 1;
  config.online.num_generations = 1;
  config.online.num_iterations = 1;
  config.online.num_mini_batches = 8;
  config.online.kl_estimator = "k1";
  config.online.kl_control = "fixed";
  config.online.kl_horizon = 10000;
  config.online.gamma = 1;
  config.online.lam = 1;
  config.online.whiten_rewards = false;
  config.online.whiten_advantages = true;
  config.online.reward_clip = 10;
  config.online.critic_learning_rate = 9e-6;
  config.train.learning_rate = 1e-6;
  config.train.lr_scheduler_type = "cosine_with_min_lr";
  config.train.min_lr_ratio = 0.1;
  config.train.warmup_ratio = 0.03;
  config.train.adam_beta2 = 0.95;
}

}  // namespace

void apply_ppo_preset(const std::string& name, RunConfig& config) {
  const std::size_t preset = objective::choose("ppo_preset", name, {"none", "trl", "openrlhf"});
  if (preset == 0) { return; }
  check_input(config.method == "ppo", "ppo_preset is a key of ppo");
  preset == 1 ? apply_trl(config) : apply_openrlhf(config);
}

}  // namespace una::setup
