#pragma once

#include <cstdint>

namespace una::train {

// An evaluation's metric next to the best one of the evaluations before it.
struct MetricSeen {
  double value = 0;
  bool greater_is_better = false;
  bool counts =
      true;  // false: the policy is too far from the reference (kl_budget), so it does not count as an improvement
  bool has_best = false;
  double best = 0;  // where has_best
};

// When a run ends early: the rule of transformers' EarlyStoppingCallback. An evaluation that does not improve on the
// best metric by more than `threshold` counts, one that does starts the count again, and `patience` counted ones in a row
// end the run. The best metric itself moves without a threshold.
class EarlyStopping {
 public:
  EarlyStopping(std::int64_t patience, double threshold) : patience_(patience), threshold_(threshold) {}
  // Before the best metric takes this evaluation in.
  void see(const MetricSeen& seen);
  bool due() const { return patience_ > 0 && count_ >= patience_; }  // patience 0: never
  // early_stopping_patience_counter, which a checkpoint keeps; -1: no evaluation was seen yet.
  std::int64_t count() const { return any_ ? count_ : -1; }
  void restore(std::int64_t count);

 private:
  std::int64_t patience_;
  double threshold_;
  bool any_ = false;
  std::int64_t count_ = 0;
};

}  // namespace una::train
