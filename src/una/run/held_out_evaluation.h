#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/dist/gang.h"
#include "una/eval/held_out.h"
#include "una/run/evaluation_samples.h"
#include "una/train/evaluator.h"
#include "una/wins/wins.h"

namespace una::run {

// What the policy's answers to held-out prompts are worth while it trains, against its own answers of step 0: reward,
// length, kl, and win_rate with the bounds of its 95 % interval over prompts (win_rate_low, win_rate_high). A reward
// that compares pairs gives no reward, only win_rate. Draws are the same at every evaluation.
class HeldOutEvaluation final : public train::Evaluator {
 public:
  // Everything `parts` points to outlives it. `samples_file` "": answers are not written. `gang`: only a run of one rank
  // can be interrupted in the middle.
  HeldOutEvaluation(eval::HeldOut parts, std::string samples_file, dist::Gang& gang);
  std::string name() const override { return "held_out"; }
  std::string content_hash() const override;
  MetricSums evaluate(std::int64_t step) override;
  bool has_start() const override { return start_.has_value(); }
  Json state() const override { return wins::start_json(*start_); }
  void load_state(const Json& state) override { start_ = wins::read_start(state); }

 private:
  void add_wins(std::int64_t step, const std::vector<rollout::Group>& groups, MetricSums& metrics);
  void write_samples(std::int64_t step, const std::vector<rollout::Group>& groups);

  eval::HeldOut parts_;
  std::string samples_file_;
  dist::Gang& gang_;
  std::optional<EvaluationSamples> samples_;
  std::optional<wins::StartAnswers> start_;
};

}  // namespace una::run
