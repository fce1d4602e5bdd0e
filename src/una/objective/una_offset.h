#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/objective/kernel.h"
#include "una/objective/kl_baseline.h"
#include "una/objective/objective_options.h"
#include "una/objective/running_offset.h"
#include "una/objective/una_targets.h"

namespace una::objective {

enum class Offset : std::uint8_t {
  kZero,
  kConstant,
  kRunning,       // one number a source, moved once a step
  kGroup,         // from the answers of a group together (una.cpp)
  kKtoZ0,         // -beta z0, one number a step from mismatched rows
  kLogPartition,  // from rewards of reference samples
  kValueHead,     // V(x), learned (una.cpp)
  kQuantile,      // known: the target is a rank
};

// f(x) of one answer where it is a number that no gradient runs through, with what it remembers.
class UnaOffset {
 public:
  UnaOffset(const ObjectiveOptions& options, Link link);

  Offset kind() const { return kind_; }
  bool needs_reference_rewards() const {
    return kind_ == Offset::kLogPartition || kind_ == Offset::kQuantile;
  }
  // 0 for groups (their own f) and the value head's (that is a tensor). Rows without feedback have no reward
  // whose log Z could be known: 0 under log_partition.
  double value(const SequenceMeta& sequence, const UnaTargets& targets) const;
  double z0() const { return baseline_ ? baseline_->z0() : 0; }
  void forget_z0();  // as it was before the first step

  void begin_step(double kl_sum, double kl_count);
  void add_sums(const SequenceMeta& sequence, double reward, double target, MetricSums& metrics) const;
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  Offset kind_;
  double beta_, constant_, beta1_;
  std::string kl_source_;
  std::optional<RunningOffset> running_;
  std::optional<KlBaseline> baseline_;
  double quantile_ = 0;  // beta log Z
  mutable bool told_ = false;
};

// InputError on options of the offset that make no sense together.
void check_offset(const ObjectiveOptions& options, const Kernel& kernel);

}  // namespace una::objective
