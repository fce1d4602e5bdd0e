#pragma once

#include <cstdint>
#include <vector>

#include "una/online/online_options.h"
#include "una/rollout/rollout.h"

namespace una::online {

// The rewards of a group's scored answers, in the order of the answers.
std::vector<double> scored_rewards(const rollout::Group& group);

bool all_equal(const std::vector<double>& values);

// The unbiased standard deviation; 0 for fewer than two values.
double deviation(const std::vector<double>& values);

// True where two answers or more have a score and all have the same: the group has no preference to teach.
bool is_flat(const rollout::Group& group);

// Turns rewards as scored into rewards as trained on, in place: penalties for a missing end and for the last
// tokens before `longest`, then the clip.
void adjust_rewards(std::vector<rollout::Group>& groups, const OnlineOptions& options, std::int64_t longest);

// DAPO's soft punishment (arXiv 2503.14476, Eq. 13): 0 up to longest - cache tokens, then a straight line to 1 at
// `longest`.
double overlong_share(std::int64_t tokens, std::int64_t cache, std::int64_t longest);

}  // namespace una::online
