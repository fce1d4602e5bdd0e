#include "una/online/round_metrics.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/online/groups.h"

namespace una::online {
namespace {

using Finish = generate::Output::Finish;

// What a server's answers lack: some did not come, and some came as text, whose ids may not be the sampled ones.
void add_endpoint_metrics(const std::vector<rollout::Group>& groups, MetricSums& metrics) {
  for (const rollout::Group& group : groups) {
    if (!group.remote) { continue; }
    const auto missing = static_cast<double>(group.failures.size()),
               come = static_cast<double>(group.answers.size());
    metrics.add("sampling/failed_ratio", missing, missing + come);
    for (const rollout::Answer& answer : group.answers) {
      metrics.add("sampling/retokenised_ratio", answer.retokenised ? 1 : 0);
      metrics.add("sampling/mismatch_ratio", answer.mismatched ? 1 : 0);
    }
  }
}

}  // namespace

MetricSums round_metrics(const std::vector<rollout::Group>& groups) {
  MetricSums out;
  double n = 0, r = 0, l = 0, rr = 0, ll = 0, rl = 0;
  for (const rollout::Group& group : groups) {
    const std::vector<double> rewards = scored_rewards(group);
    if (rewards.size() >= 2) {
      out.add("reward_std", deviation(rewards));
      out.add("frac_reward_zero_std", all_equal(rewards) ? 1 : 0);
    }
    for (const rollout::Answer& answer : group.answers) {
      const auto length = static_cast<double>(answer.sequence.loss_tokens());
      out.add("completions/mean_length", length);
      out.add("completions/clipped_ratio", answer.finish == Finish::kLength ? 1 : 0);
      out.add("reward/failed_ratio", answer.scored ? 0 : 1);
      if (!answer.scored) { continue; }
      out.add("reward", answer.reward);
      n += 1, r += answer.reward, l += length;
      rr += answer.reward * answer.reward, ll += length * length, rl += answer.reward * length;
    }
  }
  add_endpoint_metrics(groups, out);
  const double spread = (n * rr - r * r) * (n * ll - l * l);
  if (n >= 2 && spread > 0) { out.add("reward_length_corr", (n * rl - r * l) / std::sqrt(spread)); }
  return out;
}

std::string no_signal(const std::vector<rollout::Group>& groups, const RoundParts& parts) {
  std::vector<double> all;
  double several = 0, flat = 0;
  for (const rollout::Group& group : groups) {
    const std::vector<double> rewards = scored_rewards(group);
    all.insert(all.end(), rewards.begin(), rewards.end());
    if (rewards.size() < 2) { continue; }
    several += 1;
    flat += is_flat(group) ? 1 : 0;
  }
  const std::string reward = cat("no signal: the reward (", parts.reward->description(), ")");
  if (all.size() >= 2 && all_equal(all)) {
    return cat(reward, " gave every answer of a round ", all.front(), "; there is nothing to learn from it");
  }
  if (parts.method == Method::kPpo || several < 2 || flat < several) { return ""; }
  return cat(reward, " gave the answers to each prompt of a round equal scores; ",
             "there is nothing to learn");
}

std::string no_end(const std::vector<rollout::Group>& groups, const RoundParts& parts) {
  std::size_t answers = 0;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) {
      if (answer.finish != Finish::kLength) { return ""; }
      ++answers;
    }
  }
  if (answers == 0) { return ""; }
  return cat("all ", answers, " answers of a round were cut at max_completion_length ",
             parts.sampling.max_new_tokens, ", none has an end token",
             parts.options.mask_truncated_completions
                 ? "; mask_truncated_completions leaves nothing to learn from"
                 : " and rewards read unfinished texts",
             "; raise max_completion_length, or start from a model that ends its answers");
}

void check_any_score(const std::vector<rollout::Group>& groups, const RoundParts& parts) {
  std::string failure;
  std::size_t answers = 0, scored = 0;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) {
      if (!answer.scored && failure.empty()) { failure = answer.failure; }
      ++answers;
      scored += answer.scored ? 1 : 0;
    }
  }
  check_input(scored > 0, "the reward (", parts.reward->description(), ") scored none of the ", answers,
              " answers of this round; the first failure: ", failure);
}

}  // namespace una::online
