#include "una/online/round.h"

#include <optional>
#include <utility>

#include "una/base/clock.h"
#include "una/base/rng.h"
#include "una/objective/kernel.h"
#include "una/online/annotate.h"
#include "una/online/groups.h"
#include "una/online/round_metrics.h"
#include "una/online/round_rows.h"
#include "una/rollout/background_scorer.h"

namespace una::online {
namespace {

// MB at most since the last call.
double peak_mb(const model::Model& model) { return static_cast<double>(model.take_peak_memory()) / 1048576; }

// Groups with their rewards, and what they cost.
struct Scored {
  std::vector<rollout::Group> groups;
  double reward_seconds = 0;  // not those in which the reward scored while answers were still sampled
  double peak_mb = 0;         // of sampling
};

Scored sample_and_score(const RoundParts& parts, const std::vector<std::int64_t>& prompts,
                        std::uint64_t key) {
  rollout::SampleOptions sampling{.num_generations = parts.options.num_generations,
                                  .max_batch = parts.options.generation_batch_size,
                                  .params = parts.sampling};
  const auto own = rollout::make_model_source(*parts.set->model, parts.set->policy, parts.tokenizer);
  rollout::AnswerSource& source = parts.answers == nullptr ? *own : *parts.answers;
  std::optional<rollout::BackgroundScorer> scorer;
  if (parts.reward->waits()) {
    scorer.emplace(*parts.reward);
    sampling.on_group = [&](const rollout::Group& group) { scorer->add(group); };
  }
  Scored out{.groups = source.sample(*parts.prompts, prompts, sampling, key)};
  out.peak_mb = peak_mb(*parts.set->model);
  const double begin = monotonic_seconds();
  scorer ? scorer->finish(out.groups) : rollout::score(out.groups, *parts.reward);
  out.reward_seconds = monotonic_seconds() - begin;
  return out;
}

// Samples and scores the reference's answers to prompts that have none yet. One key for the whole run: a prompt
// has the same answers whenever its turn comes.
void score_reference(const RoundParts& parts, const std::vector<std::int64_t>& prompts) {
  std::vector<std::int64_t> missing;
  for (const std::int64_t prompt : prompts) {
    if (parts.reference_rewards->count(prompt) == 0) { missing.push_back(prompt); }
  }
  if (missing.empty()) { return; }
  train::Reference& reference = *parts.set->reference;
  const rollout::SampleOptions sampling{.num_generations = parts.options.num_reference_generations,
                                        .max_batch = parts.options.generation_batch_size,
                                        .params = parts.sampling};
  std::vector<rollout::Group> groups =
      rollout::sample(reference.model(), reference.adapter(), parts.tokenizer, *parts.prompts, missing,
                      sampling, stream_id("reference-samples"));
  rollout::score(groups, *parts.reward);
  adjust_rewards(groups, parts.options, parts.sampling.max_new_tokens);
  for (const rollout::Group& group : groups) {
    RefRewards& rewards = (*parts.reference_rewards)[group.index];
    for (const double reward : scored_rewards(group)) {
      rewards.raw.push_back(reward);
      rewards.scores.push_back(objective::sigmoid(reward));
    }
  }
}

// Draws again for groups of equal rewards until they differ or the limit is reached; returns the seconds that the
// reward took. A prompt's answers are then conditioned on a difference, which changes the weight of prompts, not
// the direction of a prompt's gradient.
double resample_flat(std::vector<rollout::Group>& groups, const RoundParts& parts, std::uint64_t key,
                     MetricSums& metrics) {
  double resampled = 0, reward_seconds = 0;
  for (std::int64_t attempt = 1; attempt <= parts.options.resample_limit; ++attempt) {
    std::vector<std::size_t> flat;
    std::vector<std::int64_t> prompts;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!is_flat(groups[g])) { continue; }
      flat.push_back(g);
      prompts.push_back(groups[g].index);
    }
    if (flat.empty()) { break; }
    resampled += static_cast<double>(flat.size());
    Scored fresh = sample_and_score(
        parts, prompts, random_bits(key, stream_id("resample"), static_cast<std::uint64_t>(attempt), 0));
    reward_seconds += fresh.reward_seconds;
    adjust_rewards(fresh.groups, parts.options, parts.sampling.max_new_tokens);
    for (std::size_t i = 0; i < flat.size(); ++i) { groups[flat[i]] = std::move(fresh.groups[i]); }
  }
  metrics.add("groups_resampled", resampled);
  return reward_seconds;
}

}  // namespace

Round make_round(const RoundParts& parts, const std::vector<std::int64_t>& prompts, std::uint64_t key) {
  Round round;
  const double begin = monotonic_seconds();
  parts.set->model->take_peak_memory();
  Scored scored = sample_and_score(parts, prompts, key);
  round.groups = std::move(scored.groups);
  round.metrics.add("memory/generate_mb", scored.peak_mb);
  round.metrics.merge(round_metrics(round.groups));
  check_any_score(round.groups, parts);
  adjust_rewards(round.groups, parts.options, parts.sampling.max_new_tokens);
  double reward_seconds = scored.reward_seconds;
  if (parts.options.zero_variance == "resample") {
    reward_seconds += resample_flat(round.groups, parts, key, round.metrics);
  }
  if (parts.reference_rewards != nullptr) { score_reference(parts, prompts); }
  const double sampled = monotonic_seconds();
  round.metrics.add("memory/reward_mb", peak_mb(*parts.set->model));
  round.rows = rows_of(round.groups, parts, round.metrics);
  annotate(round.rows, parts, round.metrics);
  round.metrics.add("time/generate", sampled - begin - reward_seconds);
  round.metrics.add("time/reward", reward_seconds);
  round.metrics.add("time/annotate", monotonic_seconds() - sampled);
  round.metrics.add("memory/annotate_mb", peak_mb(*parts.set->model));
  return round;
}

}  // namespace una::online
