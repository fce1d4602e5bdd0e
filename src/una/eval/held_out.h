#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/eval/log_ratio.h"
#include "una/reward/reward.h"
#include "una/rollout/answer_source.h"
#include "una/text/tokenizer.h"

namespace una::eval {

// What a run is measured by: sampled answers to prompts that it does not train on.
struct HeldOut {
  rollout::AnswerSource* answers = nullptr;
  reward::Reward* reward = nullptr;
  const std::vector<rollout::Prompt>* prompts = nullptr;
  rollout::SampleOptions sampling;
  PolicyUse policy;
  std::optional<PolicyUse> reference;  // nullopt: no KL is measured
};

// The answers, always by the same draws, and what they come to: reward, lengths, ends, "length" (mean tokens) and "kl",
// the mean log-ratio to the reference in nats per answer. A reward that compares pairs gives no scores.
struct HeldOutAnswers {
  std::vector<rollout::Group> groups;
  MetricSums metrics;
};
HeldOutAnswers answer_held_out(const HeldOut& parts);

// Answers of a model to string prompts, `per_prompt` each at temperature 1.
struct Sampled {
  std::vector<std::vector<std::int32_t>> prompt_ids, answer_ids;  // [prompts * per_prompt], prompt by prompt
  std::vector<std::string> texts;
  double ended = 0;  // share of the answers that ended with an end token
};

// How many answers, and from which draws.
struct SampleSize {
  int per_prompt = 1, max_new_tokens = 64;
  std::uint64_t seed = 42;
};

Sampled sample_answers(const PolicyUse& policy, const text::Tokenizer& tokenizer,
                       const std::vector<std::string>& prompts, const SampleSize& size);

// Mean log-ratio of the sampled ids to the model without adapter, in nats per answer: an unbiased estimate of
// KL(pi || base). Empty answers are left out; InternalError when all are.
double sampled_kl(const PolicyUse& policy, const Sampled& sampled);

// log pi(answer | prompt) of each sampled answer; 0 for an empty one.
std::vector<double> sampled_logps(const PolicyUse& policy, const Sampled& sampled);

}  // namespace una::eval
