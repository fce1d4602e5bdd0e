#pragma once

// For tests: groups of scored answers without a model.

#include <utility>
#include <vector>

#include "una/rollout/rollout.h"

namespace una::online {

// One answer of `tokens` tokens. A NaN reward: it could not be scored.
inline rollout::Answer answer_for_test(double reward, std::int64_t tokens = 2,
                                       generate::Output::Finish finish = generate::Output::Finish::kEos) {
  static const rollout::Prompt kPrompt{.example = {}, .ids = {1}};
  rollout::Answer answer = rollout::make_answer(
      kPrompt, std::vector<std::int32_t>(static_cast<std::size_t>(tokens), 5), "text", finish);
  answer.scored = reward == reward;
  answer.reward = answer.scored ? reward : 0;
  if (!answer.scored) { answer.failure = "no opinion"; }
  return answer;
}

inline rollout::Group group_for_test(std::vector<rollout::Answer> answers) {
  static const rollout::Prompt kPrompt{.example = {}, .ids = {1}};
  return {.prompt = &kPrompt, .index = 0, .answers = std::move(answers)};
}

}  // namespace una::online
