#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/reward/reward.h"

namespace una::reward {

// What an answer's text alone says. `spec` is "name" or "name:argument":
//   length:N        -|words - N| / N, at least -1: how near to N words
//   regex:PATTERN   1 where the pattern (ECMAScript) is found, else 0
//   json            1 where the whole answer is valid JSON, else 0
//   command:LINE    a shell command; one JSON row {"prompt", "answer"} a line on its standard input, one
//   number
//                   or {"score": number or null} a line on its standard output, in order
// InputError on an unknown name (the known ones are listed) or an argument that makes no sense.
std::unique_ptr<Reward> make_rule(const std::string& spec);
std::vector<std::string> rule_names();
std::unique_ptr<Reward> make_command_reward(const std::string& command);

// The weighted sum of several rewards; an answer that one of them cannot score has no score.
std::unique_ptr<Reward> make_weighted(std::vector<std::unique_ptr<Reward>> rewards,
                                      std::vector<double> weights);

// The text that a rule reads: plain, or the contents of the answer's turns.
std::string answer_text(const Text& answer);

}  // namespace una::reward
