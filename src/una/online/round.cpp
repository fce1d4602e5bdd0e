#include "una/online/round.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/objective/kernel.h"
#include "una/rollout/background_scorer.h"

namespace una::online {
namespace {

using Finish = generate::Output::Finish;

const char* const kSamplerLogp = "sampler_logp";

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

Sequence trained_sequence(const rollout::Answer& answer, const OnlineOptions& options) {
  Sequence sequence = answer.sequence;
  sequence.raw_score = answer.reward;
  sequence.target = objective::sigmoid(answer.reward);
  const bool truncated = answer.finish == Finish::kLength;
  sequence.answer_weight = truncated && options.mask_truncated_completions ? 0 : 1;
  if (!answer.sampled_logps.empty()) { sequence.columns[kSamplerLogp] = answer.sampled_logps; }
  return sequence;
}

Row row_of(const rollout::Group& group, std::size_t number, Unit unit) {
  Row row;
  row.where = group.prompt->example.where;
  row.unit = unit;
  row.index = static_cast<std::int64_t>(number);
  row.group_id = number;  // of this round: annotate() finds the row by it
  row.weight = group.prompt->example.weight;
  return row;
}

// Best against worst; an empty row where they tie.
Row pair_row(const rollout::Group& group, std::size_t number, const OnlineOptions& options) {
  const rollout::Answer *best = nullptr, *worst = nullptr;
  for (const rollout::Answer& answer : group.answers) {
    if (!answer.scored) { continue; }
    if (best == nullptr || answer.reward > best->reward) { best = &answer; }
    if (worst == nullptr || answer.reward < worst->reward) { worst = &answer; }
  }
  Row row = row_of(group, number, Unit::kPair);
  if (best == nullptr || best->reward == worst->reward) { return row; }
  row.sequences = {trained_sequence(*best, options), trained_sequence(*worst, options)};
  row.sequences[0].target = 1;
  row.sequences[1].target = 0;
  row.margin = best->reward - worst->reward;
  row.has_margin = true;
  return row;
}

Row group_row(const rollout::Group& group, std::size_t number, const RoundParts& parts) {
  const bool alone = parts.method == Method::kPpo;
  Row row = row_of(group, number, Unit::kGroup);
  for (const rollout::Answer& answer : group.answers) {
    if (answer.scored) { row.sequences.push_back(trained_sequence(answer, parts.options)); }
  }
  if (alone && row.sequences.size() == 1) { row.unit = Unit::kScore; }
  if (row.unit == Unit::kGroup && row.sequences.size() < 2) { row.sequences.clear(); }
  if (parts.reference_rewards != nullptr) {
    const RefRewards& reference = parts.reference_rewards->at(group.index);
    if (reference.raw.empty()) {
      row.sequences.clear();  // without one rank there is no target
    }
    for (Sequence& sequence : row.sequences) { sequence.ref_rewards = reference; }
  }
  return row;
}

void add_peak(const char* name, const model::Model& model, MetricSums& metrics) {
  metrics.add(name, static_cast<double>(model.take_peak_memory()) / 1048576);
}

std::vector<rollout::Group> sample_and_score(const RoundParts& parts,
                                             const std::vector<std::int64_t>& prompts, std::uint64_t key,
                                             double* reward_seconds, MetricSums* metrics = nullptr) {
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
  std::vector<rollout::Group> groups = source.sample(*parts.prompts, prompts, sampling, key);
  const double begin = monotonic_seconds();
  if (metrics != nullptr) { add_peak("memory/generate_mb", *parts.set->model, *metrics); }
  scorer ? scorer->finish(groups) : rollout::score(groups, *parts.reward);
  *reward_seconds += monotonic_seconds() - begin;
  return groups;
}

// The reference's answers to prompts that have none yet: one key for the whole run, so that a prompt has the
// same ones whenever they are asked for.
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

bool is_flat(const rollout::Group& group) {
  const std::vector<double> rewards = scored_rewards(group);
  return rewards.size() >= 2 && all_equal(rewards);
}

// Other draws for groups of equal rewards, until they differ or the limit is reached. What a prompt is left
// with is conditioned on a difference, which changes the weight of prompts, not where a prompt's answers go.
void resample_flat(std::vector<rollout::Group>& groups, const RoundParts& parts, std::uint64_t key,
                   MetricSums& metrics, double* reward_seconds) {
  double resampled = 0;
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
    std::vector<rollout::Group> fresh = sample_and_score(
        parts, prompts, random_bits(key, stream_id("resample"), static_cast<std::uint64_t>(attempt), 0),
        reward_seconds);
    adjust_rewards(fresh, parts.options, parts.sampling.max_new_tokens);
    for (std::size_t i = 0; i < flat.size(); ++i) { groups[flat[i]] = std::move(fresh[i]); }
  }
  metrics.add("groups_resampled", resampled);
}

void check_any_score(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                     const MetricSums& metrics) {
  std::string failure;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) {
      if (!answer.scored && failure.empty()) { failure = answer.failure; }
    }
  }
  check_input(metrics.count("reward") > 0, "the reward (", parts.reward->description(),
              ") scored none of the ", metrics.count("reward/failed_ratio"),
              " answers of this round; the first failure: ", failure);
}

}  // namespace

double overlong_share(std::int64_t tokens, std::int64_t cache, std::int64_t longest) {
  if (cache <= 0) { return 0; }
  const auto over = static_cast<double>(tokens - (longest - cache));
  return std::clamp(over / static_cast<double>(cache), 0.0, 1.0);
}

void adjust_rewards(std::vector<rollout::Group>& groups, const OnlineOptions& options, std::int64_t longest) {
  for (rollout::Group& group : groups) {
    for (rollout::Answer& answer : group.answers) {
      if (!answer.scored) { continue; }
      if (answer.finish == Finish::kLength) { answer.reward -= options.missing_eos_penalty; }
      answer.reward -= options.soft_overlong_penalty *
                       overlong_share(answer.sequence.loss_tokens(), options.soft_overlong_cache, longest);
      if (options.reward_clip > 0) {
        answer.reward = std::clamp(answer.reward, -options.reward_clip, options.reward_clip);
      }
    }
  }
}

namespace {

// What a server's answers cost: missing ones, and ids that are not the sampled ones.
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

// A column that one answer lacks is no column: a server gave ids or log-probs for some answers only.
void level_sampler_logps(std::vector<Row>& rows, const RoundParts& parts) {
  bool complete = true;
  for (const Row& row : rows) {
    for (const Sequence& sequence : row.sequences) {
      complete = complete && sequence.columns.count(kSamplerLogp) > 0;
    }
  }
  if (complete) { return; }
  check_input(
      !parts.needs_sampler_logps,
      "importance_sampling_correction needs the sampler's log-probs, but the sampling endpoint gave answers "
      "without token ids and log-probs");
  for (Row& row : rows) {
    for (Sequence& sequence : row.sequences) { sequence.columns.erase(kSamplerLogp); }
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

std::vector<Row> rows_of(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                         MetricSums& metrics) {
  std::vector<Row> rows;
  for (const rollout::Group& group : groups) {
    Row row;
    if (!is_flat(group) || parts.options.zero_variance == "keep") {
      row = parts.method == Method::kOnlineDpo ? pair_row(group, rows.size(), parts.options)
                                               : group_row(group, rows.size(), parts);
    }
    metrics.add("groups_left_out", row.sequences.empty() ? 1 : 0);
    if (!row.sequences.empty()) { rows.push_back(std::move(row)); }
  }
  level_sampler_logps(rows, parts);
  return rows;
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

Round make_round(const RoundParts& parts, const std::vector<std::int64_t>& prompts, std::uint64_t key) {
  Round round;
  const double begin = monotonic_seconds();
  double reward_seconds = 0;
  parts.set->model->take_peak_memory();
  round.groups = sample_and_score(parts, prompts, key, &reward_seconds, &round.metrics);
  round.metrics.merge(round_metrics(round.groups));
  check_any_score(round.groups, parts, round.metrics);
  adjust_rewards(round.groups, parts.options, parts.sampling.max_new_tokens);
  if (parts.options.zero_variance == "resample") {
    resample_flat(round.groups, parts, key, round.metrics, &reward_seconds);
  }
  if (parts.reference_rewards != nullptr) { score_reference(parts, prompts); }
  const double scored = monotonic_seconds();
  add_peak("memory/reward_mb", *parts.set->model, round.metrics);
  round.rows = rows_of(round.groups, parts, round.metrics);
  annotate(round.rows, parts, round.metrics);
  round.metrics.add("time/generate", scored - begin - reward_seconds);
  round.metrics.add("time/reward", reward_seconds);
  round.metrics.add("time/annotate", monotonic_seconds() - scored);
  add_peak("memory/annotate_mb", *parts.set->model, round.metrics);
  return round;
}

}  // namespace una::online
