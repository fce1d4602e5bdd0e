#include "una/objective/una/una_offset.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/objective/methods.h"
#include "una/objective/una/log_partition.h"

namespace una::objective {
namespace {

Offset offset_of(const ObjectiveOptions& options) {
  return choose<Offset>("una_f", options.una_f,
                        {{"auto", Offset::kAuto},
                         {"zero", Offset::kZero},
                         {"constant", Offset::kConstant},
                         {"running", Offset::kRunning},
                         {"group", Offset::kGroup},
                         {"shrunk", Offset::kShrunk},
                         {"kto_z0", Offset::kKtoZ0},
                         {"log_partition", Offset::kLogPartition},
                         {"value_head", Offset::kValueHead},
                         {"quantile", Offset::kQuantile}});
}

}  // namespace

UnaOffset::UnaOffset(const ObjectiveOptions& options, Link link)
    : kind_(offset_of(options)),
      beta_(options.beta),
      constant_(options.una_constant),
      beta1_(options.una_beta1),
      kl_source_(options.kl_source) {
  using Mode = RunningOffset::Mode;
  const Mode mode =
      choose<Mode>("una_running", options.una_running, {{"centre", Mode::kCentre}, {"match", Mode::kMatch}});
  const bool mean_by_head =
      choose<bool>("una_f_mean", options.una_f_mean, {{"running", false}, {"value_head", true}});
  head_ = kind_ == Offset::kValueHead || (kind_ == Offset::kShrunk && mean_by_head);
  if (kind_ == Offset::kRunning) { running_.emplace(mode, link, options.una_running_decay); }
  if (kind_ == Offset::kAuto || (kind_ == Offset::kShrunk && !mean_by_head)) {
    running_.emplace(Mode::kMatch, link, options.una_running_decay);
  }
  if (kind_ == Offset::kShrunk) { shrinkage_.emplace(options); }
  if (kind_ == Offset::kKtoZ0) { baseline_.emplace(kl_source_); }
  if (kind_ == Offset::kQuantile) {
    quantile_ = quantile_offset(quantile_transform(options.una_quantile), options.beta);
  }
}

double UnaOffset::value(const SequenceMeta& sequence, const UnaTargets& targets) const {
  switch (kind_) {
    case Offset::kConstant:
      return constant_;
    case Offset::kAuto:
      return sequence.unit == Unit::kBinary ? running_->value(sequence.source) : 0;
    case Offset::kRunning:
    case Offset::kShrunk:
      return running_ ? running_->value(sequence.source) : 0;
    case Offset::kKtoZ0:
      return -beta_ * z0();
    case Offset::kLogPartition:
      return sequence.unit == Unit::kSft ? 0 : log_partition(targets.reference_rewards(sequence), beta1_);
    case Offset::kQuantile:
      return quantile_;
    case Offset::kGroup:
      if (!told_) {
        told_ = true;
        log_info("una_f group: answers without a group use f = 0");
      }
      return 0;
    case Offset::kZero:
    case Offset::kValueHead:
      break;
  }
  return 0;
}

void UnaOffset::forget_z0() {
  if (baseline_) { baseline_.emplace(kl_source_); }
}

void UnaOffset::begin_step(double kl_sum, double kl_count) {
  if (baseline_) { baseline_->begin_step(kl_sum, kl_count); }
}

void UnaOffset::add_sums(const SequenceMeta& sequence, double reward, double target,
                         MetricSums& metrics) const {
  if (!running_ || (kind_ == Offset::kAuto && sequence.unit != Unit::kBinary)) { return; }
  running_->add_sums(sequence.source, reward, target, metrics);
}

double UnaOffset::weight(const SequenceMeta& sequence) const {
  return shrinkage_ && sequence.unit == Unit::kScore ? shrinkage_->lambda(1) : 1;
}

void UnaOffset::end_step(const MetricSums& step) {
  if (running_) { running_->end_step(step); }
  if (shrinkage_) { shrinkage_->end_step(step); }
}

Json UnaOffset::state() const {
  if (shrinkage_) {
    Json out{{"variances", shrinkage_->state()}};
    if (running_) { out["mean"] = running_->state(); }
    return out;
  }
  if (running_) { return running_->state(); }
  return baseline_ ? baseline_->state() : Json::object();
}

void UnaOffset::load_state(const Json& state) {
  if (shrinkage_) {
    check_input(
        state.is_object() && state.contains("variances") && state.contains("mean") == running_.has_value(),
        "objective state: not that of una_f shrunk with this una_f_mean");
    shrinkage_->load_state(state.at("variances"));
    if (running_) { running_->load_state(state.at("mean")); }
    return;
  }
  if (running_) { running_->load_state(state); }
  if (baseline_) { baseline_->load_state(state); }
}

void check_offset(const ObjectiveOptions& options, const Kernel& kernel) {
  check_input(std::isfinite(options.una_constant), "una_constant must be a number, not ",
              options.una_constant);
  check_input(options.una_running_decay > 0 && options.una_running_decay <= 1,
              "una_running_decay must be in 0..1 (0 excluded), not ", options.una_running_decay);
  check_input(std::isfinite(options.una_beta1) && options.una_beta1 > 0,
              "una_beta1 must be a positive number, not ", options.una_beta1);
  const Offset kind = offset_of(options);
  check_input(kind != Offset::kQuantile || kernel.link == Link::kIdentity,
              "una_f quantile fits a transformed rank and needs una_link identity");
  check_input(kind != Offset::kKtoZ0 || options.kl_source != "none",
              "una_f kto_z0 needs kl_source batch or ema; without a baseline it is una_f zero");
  check_input(kind != Offset::kKtoZ0 || options.log_ratio_norm != "mean",
              "una_f kto_z0 is a mean of whole log-ratios: leave log_ratio_norm at sum");
}

}  // namespace una::objective
