#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/data/pack.h"
#include "una/online/offline_rows.h"
#include "una/online/online_options.h"
#include "una/rollout/answer_source.h"
#include "una/train/step_runner.h"

namespace una::online {

// Everything a round needs and does not own. All pointers must outlive the round.
struct RoundParts {
  train::TrainableSet* set = nullptr;
  rollout::AnswerSource* answers = nullptr;  // who samples for the policy; nullptr: the set's own model
  reward::Reward* reward = nullptr;
  const text::Tokenizer* tokenizer = nullptr;
  const std::vector<rollout::Prompt>* prompts = nullptr;
  OnlineOptions options;
  SamplingParams sampling;
  data::PackOptions pack;
  Method method = Method::kUna;
  double beta = 0;                       // ppo: KL in the reward; where it adapts, its start
  const OfflineRows* offline = nullptr;  // trained in every step too; nullptr: none
  bool needs_sampler_logps = false;      // importance_sampling_correction: answers without them are refused
  // una_f quantile and log_partition: the scores of the reference's own answers, by prompt; filled as prompts
  // come up. nullptr: not needed.
  std::map<std::int64_t, RefRewards>* reference_rewards = nullptr;
};

}  // namespace una::online
