#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/objective/kernel.h"
#include "una/objective/objective_options.h"
#include "una/objective/una/quantile.h"
#include "una/objective/una/reward_scale.h"

namespace una::objective {

// The targets of una: t of an answer in the unit of the link, and rewards in the unit of u.
//   sigmoid link: the label or score; for bce scores are kept away from 0 and 1
//   identity link: the reward as in the file, divided by its running deviation, or mapped to 0..1; labels and plain
//   rows 1 and 0; with una_f quantile the transformed quantile among the row's reference rewards
class UnaTargets {
 public:
  UnaTargets(const ObjectiveOptions& options, const Kernel& kernel);

  double target(const SequenceMeta& sequence) const;
  double reward(const SequenceMeta& sequence) const;  // r = link^-1(t)
  // Rewards of the reference samples in the same unit, without the answer's own.
  std::vector<double> reference_rewards(const SequenceMeta& sequence) const;

  void observe(const SequenceMeta& sequence);
  double mean_reward() const;  // link^-1 of the mean observed target; 0 if nothing was observed

  void add_sums(const SequenceMeta& sequence, MetricSums& metrics) const;
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  // The values of una_reward.
  enum class RewardUnit { kRaw, kScore, kStandardised };  // una_reward
  double in_unit(double raw, double score) const;

  Kernel kernel_;
  RewardUnit unit_;
  std::optional<QuantileTransform> quantile_;
  std::optional<RewardScale> scale_;
  double hard_ = 0, raw_ = 0, score_ = 0, count_ = 0;  // observed: sums of labels, rewards, scores; answers
};

// Whether the answer has a score, alone or in a group.
bool is_scored(const SequenceMeta& sequence);

}  // namespace una::objective
