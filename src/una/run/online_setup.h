#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/online/round_source.h"
#include "una/run/training_run.h"
#include "una/setup/model_setup.h"
#include "una/setup/reward_setup.h"
#include "una/setup/run_config.h"
#include "una/setup/text_setup.h"

namespace una::run {

// What an online run has in addition to an offline one: prompts instead of answers, and a reward.
struct OnlineSetup {
  std::vector<rollout::Prompt> prompts, eval_prompts;
  setup::Rewards rewards;
  std::unique_ptr<rollout::AnswerSource> answers;  // a server; none: the model here
  // offline_data: rows that train in addition to own samples, and their loss; nullptr: none.
  std::unique_ptr<data::Dataset> offline;
  std::unique_ptr<objective::Objective> offline_loss;
  std::optional<online::OfflineRows> offline_rows;
};

// InputError for keys that do not fit an online run (sampling that changes the distribution, PPO without
// LoRA, no reward).
void check_online_config(const setup::RunConfig& config);

// How answers are sampled: lengths, ends, seed.
SamplingParams sampling_of(const setup::RunConfig& config, const setup::TextSetup& text);

// Reads the prompts of the data (each once, whatever answers its rows hold) and loads the rewards. The data
// set that comes back holds the prompts as rows, for sizes and hashes.
RunData load_prompts(const setup::RunConfig& config, const setup::TextSetup& text, OnlineSetup& setup);
void load_rewards(const setup::RunConfig& config, OnlineSetup& setup);
// Reads the rows of offline_data, if any. InputError where their loss cannot be added to an online method's.
void load_offline(const setup::RunConfig& config, const setup::TextSetup& text, OnlineSetup& setup);

// This rank's server of sampling_endpoint into `setup`, where there is one: its rank modulo the number of servers. `model`
// and `gang` must outlive it: rank 0 writes the trained part to `output_dir`/sampling for sampling_sync_command. With
// several ranks the source is for deal_sampling (run_ranks.h): every rank must sample at the same time.
void connect_endpoint(const setup::RunConfig& config, const setup::TextSetup& text,
                      const setup::ModelSetup& model, dist::Gang& gang, OnlineSetup& setup);

// Steps from own samples. Rounds are written to `output_dir`/samples.jsonl (the newest answers).
std::unique_ptr<StepSource> make_round_source(const setup::RunConfig& config, const setup::TextSetup& text,
                                              OnlineSetup& setup, train::TrainableSet& set);

}  // namespace una::run
