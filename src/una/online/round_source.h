#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "una/core/step_source.h"
#include "una/online/kl_control.h"
#include "una/online/round.h"

namespace una::online {

// Steps made of the policy's own samples. A round takes `rows_per_step` times num_mini_batches prompts in the
// seeded order, makes its samples when the first of its steps is asked for, and gives num_iterations passes
// of num_mini_batches steps. A run resumes between rounds only: nothing of a round is stored, since the same
// weights and keys give the same samples.
class RoundSource final : public StepSource {
 public:
  // `parts.reference_rewards` is this object's to fill where `with_reference_rewards`.
  RoundSource(RoundParts parts, std::int64_t rows_per_step, std::uint64_t seed,
              bool with_reference_rewards = false);
  RoundSource(const RoundSource&) = delete;  // parts_ may point into this object
  RoundSource& operator=(const RoundSource&) = delete;
  StepBatch next() override;
  std::int64_t steps_per_epoch() const override;
  RunPosition position() const override { return position_; }
  void seek(const RunPosition& position) override;
  bool resumable() const override { return next_step_ == steps_.size(); }
  // A round that the policy has moved too far from ends early; the steps that it would have had go to later
  // rounds. Adds time/train, episode, eps, steps_withheld and, after a round's last step, steps_a_round.
  void end_step(StepVerdict verdict, MetricSums& metrics) override;
  Json state() const override { return kl_control_.state(); }
  void load_state(const Json& state) override { kl_control_.load_state(state); }
  // By prompt, of the prompts that have come up (una_f quantile, log_partition).
  const std::map<std::int64_t, RefRewards>& reference_rewards() const { return reference_rewards_; }
  // Called with every finished round, before it is trained on: sample tables.
  void on_round(std::function<void(const Round&)> listener) { listener_ = std::move(listener); }

 private:
  void begin_round();
  void warn_of_no_signal(const Round& round);
  std::int64_t prompts() const { return static_cast<std::int64_t>(parts_.prompts->size()); }
  std::int64_t prompts_per_round() const { return rows_per_step_ * parts_.options.num_mini_batches; }

  RoundParts parts_;
  KlControl kl_control_;
  std::map<std::int64_t, RefRewards> reference_rewards_;
  std::int64_t rows_per_step_;
  std::uint64_t seed_;
  RunPosition position_;
  std::vector<StepBatch> steps_;
  std::size_t next_step_ = 0;
  std::int64_t applied_ = 0;  // of this round
  double given_at_ = 0;       // when the last step was handed out
  double begun_at_ = 0;       // when this process asked for its first step; 0: not yet
  double answers_ = 0;        // that this process has sampled since
  bool told_of_no_signal_ = false, told_of_no_end_ = false;
  std::function<void(const Round&)> listener_;
};

}  // namespace una::online
