#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/core/example.h"
#include "una/core/sampling.h"
#include "una/core/sequence.h"
#include "una/generate/engine.h"
#include "una/model/model.h"
#include "una/reward/reward.h"
#include "una/text/tokenizer.h"

namespace una::rollout {

// A prompt that the policy answers: the text for rewards, the ids for the policy.
struct Prompt {
  Example example;
  std::vector<std::int32_t> ids;
};

// One answer of the policy. Ids are authoritative: `sequence` is the prompt and what was sampled, end token
// included where it was sampled, no token added; its loss mask covers the sampled ones.
struct Answer {
  Sequence sequence;
  std::string text;  // what rewards read: decoded, special tokens skipped, cut before a stop string
  generate::Output::Finish finish = generate::Output::Finish::kLength;
  std::vector<float> sampled_logps;  // [sampled] as the sampler computed them, unmodified distribution; a
                                     // server may give none
  double reward = 0;                 // raw, as the reward gave it
  bool scored = false;
  std::string failure;                           // why it is not
  bool retokenised = false, mismatched = false;  // of a server that gives text: completion.h
};

// The answers to one prompt.
struct Group {
  const Prompt* prompt = nullptr;
  std::int64_t index = 0;  // of the prompt in its list: keys the random numbers
  std::vector<Answer> answers = {};
  bool remote = false;                     // a server answered
  std::vector<std::string> failures = {};  // of answers that did not come: they are missing, never empty
};

// How answers are sampled.
struct SampleOptions {
  std::int64_t num_generations = 8;
  std::int64_t max_batch = 64;  // answers computed at one time
  SamplingParams params;
  std::function<void(const Group&)> on_group =
      {};  // called for each group as soon as its answers are complete
};

// One answer to a prompt, not scored yet.
Answer make_answer(const Prompt& prompt, const std::vector<std::int32_t>& ids, std::string text,
                   generate::Output::Finish finish);

// `num_generations` answers to each prompt by the policy as it is now. `key` names the round: the same key,
// prompt and weights give the same answers.
std::vector<Group> sample(model::Model& model, model::AdapterId policy, const text::Tokenizer* tokenizer,
                          const std::vector<Prompt>& prompts, const std::vector<std::int64_t>& indices,
                          const SampleOptions& options, std::uint64_t key);

// What rewards are asked of a group: a question an answer, in order.
std::vector<reward::Question> questions_of(const Group& group);
void take_verdict(const reward::Verdict& verdict, Answer& answer);

// Fills reward, scored and failure of every answer. Failures are missing, never a score of 0.
void score(std::vector<Group>& groups, reward::Reward& reward);

// InputError for parameters that change the distribution that an on-policy method learns from:
// temperature other than 1, top-p, top-k, min-p, a repetition penalty, a minimum length.
void check_on_policy(const SamplingParams& params);

}  // namespace una::rollout
