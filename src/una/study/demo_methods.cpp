#include "una/study/demo_methods.h"

namespace una::study {
namespace {

void nothing(setup::RunConfig&) {}

void paper_form(setup::RunConfig& config) {
  config.objective.una_link = "sigmoid";
  config.objective.una_loss = "mse";
  config.objective.una_f = "zero";
}

void centred_form(setup::RunConfig& config) {
  config.objective.una_link = "identity";
  config.objective.una_loss = "mse";
  config.objective.una_f = "group";
}

void critic_adapter(setup::RunConfig& config) { config.online.critic = "adapter"; }
void critic_model(setup::RunConfig& config) { config.online.critic = "model"; }

}  // namespace

const std::vector<DemoMethod>& demo_methods() {
  static const std::vector<DemoMethod> kMethods = {
      {"UNA-pairwise (= DPO)", "una_pairwise", "una", "pair", "bce", "sigmoid", "zero", 3e-4},
      {"UNA-binary (MSE)", "una_binary_mse", "una", "binary", "mse", "sigmoid", "zero", 2e-4},
      {"UNA-binary (BCE)", "una_binary_bce", "una", "binary", "bce", "sigmoid", "zero", 3e-4},
      {"UNA-score (MSE)", "una_score_mse", "una", "score", "mse", "sigmoid", "zero", 2e-4},
      {"UNA-score (BCE)", "una_score_bce", "una", "score", "bce", "sigmoid", "zero", 2e-4},
      {"UNA-C (group)", "una_group", "una", "group", "mse", "identity", "group", 1e-3},
      {"UNA mixed", "una_mixed", "una", "mixed", "bce", "sigmoid", "zero", 3e-4},
      {"KTO", "kto", "kto", "binary", "mse", "sigmoid", "zero", 2e-4},
  };
  return kMethods;
}

const std::vector<OnlineDemoMethod>& online_demo_methods() {
  static const std::vector<OnlineDemoMethod> kMethods = {
      {"online UNA (paper)", "una_online_paper", "una_online", paper_form, 3e-3},
      {"online UNA-C", "una_online_group", "una_online", centred_form, 3e-3},
      {"RLOO", "rloo", "rloo", nothing, 3e-3},
      {"PPO, critic adapter", "ppo_adapter", "ppo", critic_adapter, 1e-3, 2},
      {"PPO, critic model", "ppo_model", "ppo", critic_model, 1e-3, 2},
  };
  return kMethods;
}

}  // namespace una::study
