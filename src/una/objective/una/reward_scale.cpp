#include "una/objective/una/reward_scale.h"

#include <algorithm>
#include <cmath>

namespace una::objective {
namespace {

const std::string kSum = "_reward/x", kSquares = "_reward/xx";

}  // namespace

double RewardScale::value() const {
  if (count_ == 0) { return 1; }
  const double variance = spread_ / count_;
  // Because of rounding, the variance of equal numbers is not exactly zero.
  return variance > 1e-12 * (1e-12 + mean_ * mean_) ? std::sqrt(variance) : 1;
}

void RewardScale::observe(double reward) {
  count_ += 1;
  const double distance = reward - mean_;
  mean_ += distance / count_;
  spread_ += distance * (reward - mean_);
}

void RewardScale::add_sums(double reward, MetricSums& metrics) {
  metrics.add(kSum, reward);
  metrics.add(kSquares, reward * reward);
}

void RewardScale::end_step(const MetricSums& step) {
  const double n = step.count(kSum);
  if (n == 0) { return; }
  const double mean = step.sum(kSum) / n;
  const double spread = std::max(0.0, step.sum(kSquares) - n * mean * mean);
  const double before = decay_ * count_, distance = mean - mean_;
  count_ = before + n;
  spread_ = decay_ * spread_ + spread + distance * distance * before * n / count_;
  mean_ += distance * n / count_;
}

Json RewardScale::state() const { return {{"count", count_}, {"mean", mean_}, {"spread", spread_}}; }

void RewardScale::load_state(const Json& state) {
  count_ = number_member(state, "count", 0, "objective state, reward scale");
  mean_ = number_member(state, "mean", 0, "objective state, reward scale");
  spread_ = number_member(state, "spread", 0, "objective state, reward scale");
}

}  // namespace una::objective
