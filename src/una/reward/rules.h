#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/reward/reward.h"

namespace una::reward {

inline constexpr double kCommandTimeout = 3600;  // seconds of one call of a reward command

// Scores an answer's text, alone or against the row's ground truth. `spec` is "name" or "name:argument":
//   length:N        -|words - N| / N, at least -1: how near to N words
//   regex:PATTERN   1 where the pattern (base/pattern.h) is found, else 0
//   json            1 where the whole answer is valid JSON, else 0
//   exact_match     1 where the trimmed answer is the ground truth; exact_match:loose, see loose_text
//   math            1 where the answer's last number or \boxed{...} is the ground truth's; math:TOLERANCE,
//                   see same_result
//   command:LINE    a shell command; it reads one row of question_json per line of its standard input and
//                   writes a number or {"score": number or null} per line of its standard output, in order
// `command_timeout`: seconds that one call of a command may take; 0: no limit.
// InputError on an unknown name (the known ones are listed) or an argument that makes no sense.
std::unique_ptr<Reward> make_rule(const std::string& spec, double command_timeout = kCommandTimeout);
std::vector<std::string> rule_names();
std::unique_ptr<Reward> make_command_reward(const std::string& command, double time_limit);

// The weighted sum of several rewards; an answer that one of them cannot score has no score.
std::unique_ptr<Reward> make_weighted(std::vector<std::unique_ptr<Reward>> rewards,
                                      std::vector<double> weights);

}  // namespace una::reward
