#include "una/objective/una/una_targets.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/objective/methods.h"

namespace una::objective {

bool is_scored(const SequenceMeta& sequence) {
  return sequence.unit == Unit::kScore || sequence.unit == Unit::kGroup;
}

UnaTargets::UnaTargets(const ObjectiveOptions& options, const Kernel& kernel)
    : kernel_(kernel),
      unit_(choose<RewardUnit>("una_reward", options.una_reward,
                               {{"raw", RewardUnit::kRaw},
                                {"score", RewardUnit::kScore},
                                {"standardised", RewardUnit::kStandardised}})) {
  const QuantileTransform transform = quantile_transform(options.una_quantile);
  if (options.una_f == "quantile") { quantile_ = transform; }
  if (unit_ == RewardUnit::kStandardised) { scale_.emplace(options.una_running_decay); }
}

double UnaTargets::in_unit(double raw, double score) const {
  if (kernel_.link == Link::kSigmoid || unit_ == RewardUnit::kScore) { return score; }
  return scale_ ? raw / scale_->value() : raw;
}

double UnaTargets::target(const SequenceMeta& sequence) const {
  const bool scored = is_scored(sequence);
  if (quantile_) {
    const std::vector<double>& reference = sequence.ref_rewards.raw;
    const double q = quantile_of(scored ? sequence.raw_score : sequence.target, reference);
    return transformed_quantile(*quantile_, q, reference.size());
  }
  if (!scored) { return sequence.target; }
  if (kernel_.loss == PointLoss::kBce) { return clip_soft_target(sequence.target); }
  return in_unit(sequence.raw_score, sequence.target);
}

double UnaTargets::reward(const SequenceMeta& sequence) const {
  return kernel_.link == Link::kIdentity ? target(sequence) : logit(sequence.target);
}

std::vector<double> UnaTargets::reference_rewards(const SequenceMeta& sequence) const {
  const RefRewards& reference = sequence.ref_rewards;
  check(reference.raw.size() == reference.scores.size(), "objective: reference rewards without scores");
  const bool scored = is_scored(sequence);
  const double own = scored ? sequence.raw_score : sequence.target;
  bool leave_out = reference.has_own;
  std::vector<double> out;
  for (std::size_t i = 0; i < reference.raw.size(); ++i) {
    if (leave_out && reference.raw[i] == own) {
      leave_out = false;
      continue;
    }
    const double r = scored ? in_unit(reference.raw[i], reference.scores[i]) : reference.scores[i];
    out.push_back(kernel_.link == Link::kIdentity ? r : logit(r));
  }
  check(!leave_out, "objective: an answer's own reward is not among its reference rewards");
  return out;
}

void UnaTargets::observe(const SequenceMeta& sequence) {
  if (sequence.unit != Unit::kBinary && !is_scored(sequence)) { return; }
  count_ += 1;
  if (!is_scored(sequence)) {
    hard_ += sequence.target;
    return;
  }
  raw_ += sequence.raw_score;
  score_ += sequence.target;
  if (scale_) { scale_->observe(sequence.raw_score); }
}

double UnaTargets::mean_reward() const {
  if (count_ == 0) { return 0; }
  const double mean =
      (hard_ + in_unit(raw_, score_)) / count_;  // the unit is a factor, so it can be applied to sums
  return kernel_.link == Link::kIdentity ? mean : logit(mean);
}

void UnaTargets::add_sums(const SequenceMeta& sequence, MetricSums& metrics) const {
  if (scale_ && is_scored(sequence)) { RewardScale::add_sums(sequence.raw_score, metrics); }
}

void UnaTargets::end_step(const MetricSums& step) {
  if (scale_) { scale_->end_step(step); }
}

Json UnaTargets::state() const { return scale_ ? scale_->state() : Json::object(); }

void UnaTargets::load_state(const Json& state) {
  if (scale_) { scale_->load_state(state); }
}

}  // namespace una::objective
