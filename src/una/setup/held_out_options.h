#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una::setup {

// What a run evaluates by the policy's own answers and by tasks, while it trains.
struct HeldOutOptions {
  std::vector<std::string> eval_generate_data;
  std::vector<std::string> eval_reward, eval_reward_weights;
  std::int64_t eval_num_generations = 1;
  std::int64_t eval_max_completion_length = 256;
  double eval_temperature = 1;
  std::vector<std::string> eval_tasks;
  std::string eval_tasks_dir;
  std::int64_t eval_limit = 0;
  template <class V>
  void fields(V&& v) {
    v("eval_generate_data", eval_generate_data,
      "held-out prompts that the policy answers at step 0 and at every evaluation (docs/eval.md)");
    v("eval_reward", eval_reward,
      "what scores those answers, as --reward; online methods: else their own reward");
    v("eval_reward_weights", eval_reward_weights, "a weight for each eval_reward; empty: 1 each");
    v("eval_num_generations", eval_num_generations, "answers to each of those prompts");
    v("eval_max_completion_length", eval_max_completion_length, "longest such answer, in tokens");
    v("eval_temperature", eval_temperature, "of their sampler; eval_kl needs 1");
    v("eval_tasks", eval_tasks, "tasks of una eval to run at every evaluation: bbh | gpqa | ifeval | ...");
    v("eval_tasks_dir", eval_tasks_dir, "the folder with the rows of eval_tasks");
    v("eval_limit", eval_limit,
      "the first rows of eval_generate_data and of each file of eval_tasks; 0: all");
  }
};

}  // namespace una::setup
