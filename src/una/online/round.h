#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/core/sequence.h"
#include "una/data/pack.h"
#include "una/online/offline_rows.h"
#include "una/online/online_options.h"
#include "una/rollout/answer_source.h"
#include "una/train/step_runner.h"

namespace una::online {

// Everything a round needs and does not own.
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
  const OfflineRows* offline = nullptr;  // beside every step's samples; nullptr: none
  bool needs_sampler_logps = false;      // importance_sampling_correction: answers without them are refused
  // una_f quantile and log_partition: the scores of the reference's own answers, by prompt; filled as prompts
  // come up. nullptr: not needed.
  std::map<std::int64_t, RefRewards>* reference_rewards = nullptr;
};

// One round: samples with their rewards as rows to train on, and what is to be said about them.
struct Round {
  std::vector<rollout::Group> groups;  // as sampled and scored
  std::vector<Row> rows;
  MetricSums metrics;
};

// Samples, scores and annotates: column "old_logp" where more than one step or a ratio needs it, "ref_logp",
// and PPO's "advantage", "return", "old_value". InputError when no answer could be scored.
Round make_round(const RoundParts& parts, const std::vector<std::int64_t>& prompts, std::uint64_t key);

// reward, reward_std, completions/..., frac_reward_zero_std, reward_length_corr: of groups that were scored.
MetricSums round_metrics(const std::vector<rollout::Group>& groups);

// The rewards that training sees: penalties for a missing end and for the last tokens before `longest`, clip.
// In place.
void adjust_rewards(std::vector<rollout::Group>& groups, const OnlineOptions& options, std::int64_t longest);
// DAPO's soft punishment (arXiv 2503.14476, Eq. 13): 0 up to longest - cache tokens, then a straight line to
// 1 at `longest`.
double overlong_share(std::int64_t tokens, std::int64_t cache, std::int64_t longest);

// Why nobody can learn from these rewards, naming the reward: one score for every answer, or, for methods
// that compare the answers to a prompt, one score a prompt. "" where there is a signal.
std::string no_signal(const std::vector<rollout::Group>& groups, const RoundParts& parts);

// Rows of scored groups by method; answers without a score and groups that teach nothing are left out and
// counted in `metrics`.
std::vector<Row> rows_of(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                         MetricSums& metrics);

// Adds the columns to the rows; uses the set's model for forward passes without gradient.
void annotate(std::vector<Row>& rows, const RoundParts& parts, MetricSums& metrics);

}  // namespace una::online
