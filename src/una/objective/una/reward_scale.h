#pragma once

#include "una/base/json.h"
#include "una/core/loss.h"

namespace una::objective {

// The running standard deviation of rewards, shared by all sources so that beta has one meaning. A step uses
// the value from before it; the sums are updated and decayed once after it, from global sums.
class RewardScale {
 public:
  explicit RewardScale(double decay) : decay_(decay) {}

  double value() const;         // 1 until different rewards were seen
  void observe(double reward);  // one of the training data, before the first step
  static void add_sums(double reward, MetricSums& metrics);
  void end_step(const MetricSums& step);

  Json state() const;
  void load_state(const Json& state);

 private:
  double decay_;
  double count_ = 0, mean_ = 0, spread_ = 0;  // spread: sum of squared distances from the mean
};

}  // namespace una::objective
