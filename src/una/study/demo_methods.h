#pragma once

#include <string>
#include <vector>

#include "una/setup/run_config.h"

namespace una::study {

// One row of the demo's table: which feedback file, which loss, which learning rate. The rates were tuned per
// method on the default seed's task and then fixed (docs/demo.md).
struct DemoMethod {
  std::string name;      // "UNA-score (MSE)"
  std::string folder;    // of its run
  std::string method;    // una | dpo | kto
  std::string feedback;  // pair | binary | score | group | mixed
  std::string una_loss;  // mse | bce
  std::string una_link;
  std::string una_f;
  double learning_rate = 0;
};

const std::vector<DemoMethod>& demo_methods();

// One row of the online demo's table.
struct OnlineDemoMethod {
  std::string name, folder, method;
  void (*keys)(setup::RunConfig&);  // what it sets besides the demo's sizes
  double learning_rate = 0;
  int passes = 1;  // over the samples of a round
};

const std::vector<OnlineDemoMethod>& online_demo_methods();

// Sizes of the demo, equal for all methods.
struct DemoSizes {
  int hidden = 128, intermediate = 384, layers = 4, heads = 4, kv_heads = 2, vocab = 768;
  int sft_answers = 12000, sft_batch = 64;
  double sft_learning_rate = 3e-3;
  int feedback_prompts = 2000, samples_per_prompt = 2;
  int steps = 125;
  double beta = 0.1;
  int held_out_prompts = 320, samples_per_held_out = 2;
  int judged_per_prompt = 8;  // answers of the start model that measure rho
  // The online demo: rounds of `prompts_per_round` times `answers_per_prompt` answers.
  int rounds = 80, prompts_per_round = 32, answers_per_prompt = 4;
  double online_beta = 0.1, reward_learning_rate = 1e-3;
  int reward_epochs = 2;
};

}  // namespace una::study
