#include "una/online/round_source.h"

#include <algorithm>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/online/round_metrics.h"

namespace una::online {

RoundSource::RoundSource(RoundParts parts, std::int64_t rows_per_step, std::uint64_t seed,
                         bool with_reference_rewards)
    : parts_(std::move(parts)),
      kl_control_(parts_.options, parts_.beta),
      rows_per_step_(rows_per_step),
      seed_(seed) {
  if (with_reference_rewards) { parts_.reference_rewards = &reference_rewards_; }
  check(rows_per_step > 0, "RoundSource: rows_per_step must be at least 1");
  check_input(!parts_.prompts->empty(), "there is no prompt to train on");
}

std::int64_t RoundSource::steps_per_epoch() const {
  const std::int64_t rounds = (prompts() + prompts_per_round() - 1) / prompts_per_round();
  return rounds * parts_.options.num_iterations * parts_.options.num_mini_batches;
}

void RoundSource::seek(const RunPosition& position) {
  check_input(position.step >= 0 && position.epoch >= 0 && position.row >= 0 && position.row <= prompts(),
              "the position to resume at is outside the prompts: it was written for others");
  position_ = position;
  if (position_.row == prompts()) { position_ = {position.step, position.epoch + 1, 0}; }
  steps_.clear();
  next_step_ = 0;
}

void RoundSource::warn_of_no_signal(const Round& round) {
  const auto once = [](const std::string& reason, bool& told) {
    if (!told && !reason.empty()) { log_warning(reason); }
    told = told || !reason.empty();
  };
  once(no_signal(round.groups, parts_), told_of_no_signal_);
  once(no_end(round.groups, parts_), told_of_no_end_);
}

void RoundSource::end_step(StepVerdict verdict, MetricSums& metrics) {
  metrics.add("time/train", monotonic_seconds() - given_at_);
  metrics.add("memory/train_mb", static_cast<double>(parts_.set->model->take_peak_memory()) / 1048576);
  // TRL's names: answers so far, by what was asked for, and answers a second of this process.
  const auto episodes = position_.epoch * prompts() + position_.row;
  metrics.add_max("episode", static_cast<double>(episodes * parts_.options.num_generations));
  metrics.add("eps", answers_ / std::max(1e-9, monotonic_seconds() - begun_at_));
  metrics.add("steps_withheld", verdict == StepVerdict::kApply ? 0 : 1);
  if (verdict == StepVerdict::kApply) { ++applied_; }
  if (verdict == StepVerdict::kEndRound) { next_step_ = steps_.size(); }
  if (resumable()) { metrics.add("steps_a_round", static_cast<double>(applied_)); }
}

void RoundSource::begin_round() {
  const auto epoch = static_cast<std::uint64_t>(position_.epoch);
  const Permutation order(static_cast<std::uint64_t>(prompts()), seed_, epoch);
  const std::int64_t end = std::min(position_.row + prompts_per_round(), prompts());
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = position_.row; i < end; ++i) {
    chosen.push_back(static_cast<std::int64_t>(order(static_cast<std::uint64_t>(i))));
  }
  const std::uint64_t key =
      random_bits(seed_, stream_id("round"), epoch, static_cast<std::uint64_t>(position_.row));
  parts_.beta = kl_control_.coefficient();
  applied_ = 0;
  Round round = make_round(parts_, chosen, key);
  const std::int64_t rounds_per_epoch = (prompts() + prompts_per_round() - 1) / prompts_per_round();
  round.number = position_.epoch * rounds_per_epoch + position_.row / prompts_per_round() + 1;
  for (const rollout::Group& group : round.groups) { answers_ += static_cast<double>(group.answers.size()); }
  if (listener_) { listener_(round); }
  warn_of_no_signal(round);
  if (round.metrics.count("objective/kl") > 0) {
    kl_control_.observe(round.metrics.sum("objective/kl") / round.metrics.count("objective/kl"),
                        round.metrics.count("objective/kl"));
  }
  seek({position_.step, position_.epoch, end});
  const std::int64_t batches = parts_.options.num_mini_batches;
  for (std::int64_t pass = 0; pass < parts_.options.num_iterations; ++pass) {
    const Permutation shuffled(std::max<std::size_t>(1, round.rows.size()), key,
                               static_cast<std::uint64_t>(pass));
    std::vector<std::vector<Row>> parts(static_cast<std::size_t>(batches));
    for (std::size_t i = 0; i < round.rows.size(); ++i) {
      parts[i % static_cast<std::size_t>(batches)].push_back(round.rows[shuffled(i)]);
    }
    for (const std::vector<Row>& rows : parts) {
      StepBatch step;
      for (const Row& row : rows) { step.tokens += row.tokens(); }
      step.rows = std::ssize(rows);
      step.micro_batches = data::pack_rows(rows, parts_.pack);
      steps_.push_back(std::move(step));
    }
  }
  steps_.front().metrics = std::move(round.metrics);
}

StepBatch RoundSource::next() {
  if (begun_at_ == 0) { begun_at_ = monotonic_seconds(); }
  if (resumable()) { begin_round(); }
  ++position_.step;
  given_at_ = monotonic_seconds();
  StepBatch step = std::move(steps_[next_step_++]);
  if (parts_.offline != nullptr) { step.offline = parts_.offline->of_step(position_.step); }
  return step;
}

}  // namespace una::online
