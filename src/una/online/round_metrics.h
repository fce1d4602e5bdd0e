#pragma once

#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/online/round_parts.h"

namespace una::online {

// reward, reward_std, completions/..., frac_reward_zero_std, reward_length_corr: of groups that were scored.
MetricSums round_metrics(const std::vector<rollout::Group>& groups);

// The reason why nothing can be learned from these rewards, with the reward's name: the same score for every
// answer or, for methods that compare the answers to a prompt, the same score for all answers to each prompt. ""
// where there is a signal.
std::string no_signal(const std::vector<rollout::Group>& groups, const RoundParts& parts);

// The reason why a round teaches little although it has rewards: every answer was cut at the longest length, so
// no answer shows how to end. "" where one ended.
std::string no_end(const std::vector<rollout::Group>& groups, const RoundParts& parts);

// InputError, with the first failure, when no answer of the groups has a score.
void check_any_score(const std::vector<rollout::Group>& groups, const RoundParts& parts);

}  // namespace una::online
