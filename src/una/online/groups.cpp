#include "una/online/groups.h"

#include <algorithm>
#include <cmath>

namespace una::online {

std::vector<double> scored_rewards(const rollout::Group& group) {
  std::vector<double> rewards;
  for (const rollout::Answer& answer : group.answers) {
    if (answer.scored) { rewards.push_back(answer.reward); }
  }
  return rewards;
}

bool all_equal(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); });
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) { return 0; }
  double mean = 0, squares = 0;
  for (const double value : values) { mean += value / static_cast<double>(values.size()); }
  for (const double value : values) { squares += (value - mean) * (value - mean); }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

bool is_flat(const rollout::Group& group) {
  const std::vector<double> rewards = scored_rewards(group);
  return rewards.size() >= 2 && all_equal(rewards);
}

double overlong_share(std::int64_t tokens, std::int64_t cache, std::int64_t longest) {
  if (cache <= 0) { return 0; }
  const auto over = static_cast<double>(tokens - (longest - cache));
  return std::clamp(over / static_cast<double>(cache), 0.0, 1.0);
}

void adjust_rewards(std::vector<rollout::Group>& groups, const OnlineOptions& options, std::int64_t longest) {
  for (rollout::Group& group : groups) {
    for (rollout::Answer& answer : group.answers) {
      if (!answer.scored) { continue; }
      if (answer.finish == generate::Output::Finish::kLength) {
        answer.reward -= options.missing_eos_penalty;
      }
      answer.reward -= options.soft_overlong_penalty *
                       overlong_share(answer.sequence.loss_tokens(), options.soft_overlong_cache, longest);
      if (options.reward_clip > 0) {
        answer.reward = std::clamp(answer.reward, -options.reward_clip, options.reward_clip);
      }
    }
  }
}

}  // namespace una::online
