#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/dist/gang.h"
#include "una/eval/tasks/loaded_task.h"
#include "una/rollout/answer_source.h"
#include "una/run/online_setup.h"
#include "una/setup/model_setup.h"
#include "una/setup/reward_setup.h"
#include "una/setup/run_config.h"
#include "una/setup/text_setup.h"
#include "una/train/evaluator.h"

namespace una::run {

// What a run evaluates by besides the loss on rows: held-out prompts and their reward, tasks.
struct EvaluationSetup {
  std::vector<rollout::Prompt> prompts;  // of eval_generate_data
  setup::Rewards rewards;                // of eval_reward; none: the online method's own
  std::vector<eval::LoadedTask> tasks;
  std::unique_ptr<rollout::AnswerSource> answers;  // the model here
};

// InputError for keys that do not go together. A metric_for_best_model that was left at eval_loss becomes one that the
// run has, where it has no evaluation rows.
void check_evaluation(setup::RunConfig& config);

// Reads prompts and tasks.
void load_evaluation(const setup::RunConfig& config, const setup::TextSetup& text, const ModelSpec& spec,
                     EvaluationSetup& setup);

// Tokens that the key-value cache holds while held-out prompts are answered; 0 where there are none of its own.
double held_out_cache_tokens(const setup::RunConfig& config, const EvaluationSetup& setup);

// What the evaluations work with; everything outlives them.
struct EvaluatedRun {
  setup::ModelSetup* model = nullptr;
  const setup::TextSetup* text = nullptr;
  OnlineSetup* online = nullptr;  // its held-out prompts and reward, where the method is online
  dist::Gang* gang = nullptr;
  std::string other_ranks_folder;  // where ranks that do not lead write what is not read
};

// Loads eval_reward too.
std::vector<std::unique_ptr<train::Evaluator>> make_evaluators(const setup::RunConfig& config,
                                                               EvaluationSetup& setup,
                                                               const EvaluatedRun& run);

}  // namespace una::run
