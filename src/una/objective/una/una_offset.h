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
#include "una/objective/una/running_offset.h"
#include "una/objective/una/shrinkage.h"
#include "una/objective/una/una_targets.h"

namespace una::objective {

// The values of una_f.
enum class Offset : std::uint8_t {
  kAuto,  // labels: as kRunning with match; else 0
  kZero,
  kConstant,
  kRunning,       // one number per source, updated once per step
  kGroup,         // from the answers of a group together (una.cpp)
  kShrunk,        // a group's mean, shrunk towards a running number or the value head
  kKtoZ0,         // -beta z0, one number per step from mismatched rows
  kLogPartition,  // from rewards of reference samples
  kValueHead,     // V(x), learned (una.cpp)
  kQuantile,      // known in closed form, because the target is a quantile
};

// f(x) of one answer where it is a number without gradient, with the state between steps.
class UnaOffset {
 public:
  UnaOffset(const ObjectiveOptions& options, Link link);

  Offset kind() const { return kind_; }
  bool needs_reference_rewards() const {
    return kind_ == Offset::kLogPartition || kind_ == Offset::kQuantile;
  }
  // Whether groups compute an offset together.
  bool of_groups() const { return kind_ == Offset::kGroup || kind_ == Offset::kShrunk; }
  bool is_head() const { return head_; }  // f, or the m of shrunk, is the value head's
  // lambda of a prompt with so many answers; 0 for una_f group.
  double lambda(double answers) const { return shrinkage_ ? shrinkage_->lambda(answers) : 0; }
  bool wants_choice() const { return shrinkage_ && shrinkage_->wants_choice(); }
  void choose_ratio(double ratio) { shrinkage_->choose(ratio); }
  // The loss's weight of a single answer: under shrunk its scores count as far as one answer tells about the policy.
  double weight(const SequenceMeta& sequence) const;

  // 0 for groups (which compute their own f) and for the value head (a tensor). With log_partition also 0 for
  // rows without feedback, which have no reward and so no log Z. With shrunk m.
  double value(const SequenceMeta& sequence, const UnaTargets& targets) const;
  double z0() const { return baseline_ ? baseline_->z0() : 0; }
  void forget_z0();  // resets it to its value before the first step

  void begin_step(double kl_sum, double kl_count);
  void add_sums(const SequenceMeta& sequence, double reward, double target, MetricSums& metrics) const;
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  Offset kind_;
  bool head_ = false;
  double beta_, constant_, beta1_;
  std::string kl_source_;
  std::optional<RunningOffset> running_;
  std::optional<KlBaseline> baseline_;
  std::optional<Shrinkage> shrinkage_;
  double quantile_ = 0;  // beta log Z
  mutable bool told_ = false;
};

// InputError for options of the offset that contradict each other.
void check_offset(const ObjectiveOptions& options, const Kernel& kernel);

}  // namespace una::objective
