#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/objective/kernel.h"

namespace una::objective {

// f(x) as one number per source of rows, updated once per step from global sums.
//   centre: minus the running mean of beta Delta (BCO);
//   match, identity link: the running mean of r - beta Delta, which makes the mean residual zero;
//   match, sigmoid link: the root of mean(sigma(beta Delta + f) - t), approached by damped Newton steps.
class RunningOffset {
 public:
  // The values of una_running.
  enum class Mode { kCentre, kMatch };
  RunningOffset(Mode mode, Link link, double decay) : mode_(mode), link_(link), decay_(decay) {}

  double value(std::int32_t source) const;  // 0 before the first step with its rows
  // Adds what end_step needs about one answer: its beta Delta and target, under the current value.
  void add_sums(std::int32_t source, double reward, double target, MetricSums& metrics) const;
  void end_step(const MetricSums& step);

  Json state() const;
  void load_state(const Json& state);

 private:
  // The state of one source.
  struct Entry {
    double sum = 0, count = 0;  // decayed per step
    double value = 0;
  };
  void move(Entry& entry, double sum, double count, double slope) const;

  Mode mode_;
  Link link_;
  double decay_;
  std::map<std::int32_t, Entry> entries_;
};

}  // namespace una::objective
