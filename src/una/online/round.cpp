#include "una/online/round.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/methods.h"

namespace una::online {
namespace {

using Finish = generate::Output::Finish;

std::vector<double> scored_rewards(const rollout::Group& group) {
  std::vector<double> rewards;
  for (const rollout::Answer& answer : group.answers) {
    if (answer.scored) rewards.push_back(answer.reward);
  }
  return rewards;
}

bool all_equal(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); });
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Sequence trained_sequence(const rollout::Answer& answer, const OnlineOptions& options) {
  Sequence sequence = answer.sequence;
  sequence.raw_score = answer.reward;
  sequence.target = objective::sigmoid(answer.reward);
  const bool truncated = answer.finish == Finish::kLength;
  sequence.answer_weight = truncated && options.mask_truncated_completions ? 0 : 1;
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
    if (!answer.scored) continue;
    if (best == nullptr || answer.reward > best->reward) best = &answer;
    if (worst == nullptr || answer.reward < worst->reward) worst = &answer;
  }
  Row row = row_of(group, number, Unit::kPair);
  if (best == nullptr || best->reward == worst->reward) return row;
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
    if (answer.scored) row.sequences.push_back(trained_sequence(answer, parts.options));
  }
  if (alone && row.sequences.size() == 1) row.unit = Unit::kScore;
  if (row.unit == Unit::kGroup && row.sequences.size() < 2) row.sequences.clear();
  return row;
}

}  // namespace

std::vector<std::string> online_methods() { return {"una_online", "rloo", "grpo", "online_dpo", "ppo"}; }

bool is_online(const std::string& method) {
  const std::vector<std::string> names = online_methods();
  return std::find(names.begin(), names.end(), method) != names.end();
}

Method method_of(const std::string& name) {
  const std::vector<std::string> names = online_methods();
  const auto found = std::find(names.begin(), names.end(), name);
  check_input(found != names.end(),
              cat("method: '", name, "' does not learn from its own samples (", join(names, ", "), " do)"));
  return static_cast<Method>(found - names.begin());
}

std::vector<double> weights_of_rewards(const OnlineOptions& options) {
  if (options.reward_weights.empty()) return std::vector<double>(options.reward.size(), 1);
  check_input(options.reward_weights.size() == options.reward.size(),
              cat("reward_weights has ", options.reward_weights.size(), " entries for ",
                  options.reward.size(), " rewards"));
  std::vector<double> weights;
  for (const std::string& text : options.reward_weights) {
    char* end = nullptr;
    weights.push_back(std::strtod(text.c_str(), &end));
    check_input(!text.empty() && *end == 0 && std::isfinite(weights.back()),
                cat("reward_weights: a number is needed, found '", text, "'"));
  }
  return weights;
}

void check_online(const OnlineOptions& options, const std::string& method) {
  const Method kind = method_of(method);
  const auto at_least = [](const char* key, std::int64_t value, std::int64_t least) {
    check_input(value >= least, cat(key, " must be at least ", least, ", not ", value));
  };
  at_least("num_generations", options.num_generations, kind == Method::kPpo ? 1 : 2);
  at_least("num_iterations", options.num_iterations, 1);
  at_least("num_mini_batches", options.num_mini_batches, 1);
  at_least("generation_batch_size", options.generation_batch_size, 1);
  check_input(!options.reward.empty(),
              cat(method, " needs a reward: give --reward model:FOLDER or another source"));
  weights_of_rewards(options);
  objective::choose("zero_variance", options.zero_variance, {"keep", "drop"});
  objective::choose("anchor", options.anchor, {"ref", "rollout"});
  objective::choose("kl_estimator", options.kl_estimator, {"k1", "k3"});
  check_input(options.anchor == "ref" || kind == Method::kUna, "anchor rollout is a form of una_online");
  check_input(options.reward_clip >= 0, "reward_clip must be 0 (off) or positive");
  check_input(options.gamma > 0 && options.gamma <= 1 && options.lam >= 0 && options.lam <= 1,
              "gamma must lie in (0, 1] and lam in [0, 1]");
}

void adjust_rewards(std::vector<rollout::Group>& groups, const OnlineOptions& options) {
  for (rollout::Group& group : groups) {
    for (rollout::Answer& answer : group.answers) {
      if (!answer.scored) continue;
      if (answer.finish == Finish::kLength) answer.reward -= options.missing_eos_penalty;
      if (options.reward_clip > 0) {
        answer.reward = std::clamp(answer.reward, -options.reward_clip, options.reward_clip);
      }
    }
  }
}

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
      if (!answer.scored) continue;
      out.add("reward", answer.reward);
      n += 1, r += answer.reward, l += length;
      rr += answer.reward * answer.reward, ll += length * length, rl += answer.reward * length;
    }
  }
  const double spread = (n * rr - r * r) * (n * ll - l * l);
  if (n >= 2 && spread > 0) out.add("reward_length_corr", (n * rl - r * l) / std::sqrt(spread));
  return out;
}

std::vector<Row> rows_of(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                         MetricSums& metrics) {
  std::vector<Row> rows;
  for (const rollout::Group& group : groups) {
    const std::vector<double> rewards = scored_rewards(group);
    const bool flat = rewards.size() >= 2 && all_equal(rewards);
    Row row;
    if (!flat || parts.options.zero_variance == "keep") {
      row = parts.method == Method::kOnlineDpo ? pair_row(group, rows.size(), parts.options)
                                               : group_row(group, rows.size(), parts);
    }
    metrics.add("groups_left_out", row.sequences.empty() ? 1 : 0);
    if (!row.sequences.empty()) rows.push_back(std::move(row));
  }
  return rows;
}

Round make_round(const RoundParts& parts, const std::vector<std::int64_t>& prompts, std::uint64_t key) {
  Round round;
  const double begin = monotonic_seconds();
  const rollout::SampleOptions sampling{.num_generations = parts.options.num_generations,
                                        .max_batch = parts.options.generation_batch_size,
                                        .params = parts.sampling};
  round.groups = rollout::sample(*parts.set->model, parts.set->policy, parts.tokenizer, *parts.prompts,
                                 prompts, sampling, key);
  const double sampled = monotonic_seconds();
  rollout::score(round.groups, *parts.reward);
  const double scored = monotonic_seconds();
  round.metrics = round_metrics(round.groups);
  std::string failure;
  for (const rollout::Group& group : round.groups) {
    for (const rollout::Answer& answer : group.answers) {
      if (!answer.scored && failure.empty()) failure = answer.failure;
    }
  }
  check_input(round.metrics.count("reward") > 0,
              cat("the reward (", parts.reward->description(), ") scored none of the ",
                  round.metrics.count("reward/failed_ratio"),
                  " answers of this round; the first failure: ", failure));
  adjust_rewards(round.groups, parts.options);
  round.rows = rows_of(round.groups, parts, round.metrics);
  annotate(round.rows, parts, round.metrics);
  round.metrics.add("time/generate", sampled - begin);
  round.metrics.add("time/reward", scored - sampled);
  round.metrics.add("time/annotate", monotonic_seconds() - scored);
  return round;
}

}  // namespace una::online
