#pragma once

#include "una/base/json.h"
#include "una/online/online_options.h"

namespace una::online {

// PPO's coefficient of the KL in the reward: fixed, or Ziegler et al.'s controller (arXiv 1909.08593; TRL's
// AdaptiveKLController): after a round of n answers the coefficient is multiplied by 1 + e n / horizon with
// e = kl / target - 1, cut to +-0.2.
class KlControl {
 public:
  KlControl(const OnlineOptions& options, double start);

  double coefficient() const { return value_; }
  // After a round: the mean KL of its answers against the reference in nats, and their number.
  void observe(double kl, double answers);

  Json state() const;  // for checkpoints; {} where the coefficient is fixed
  void load_state(const Json& state);

 private:
  bool adaptive_;
  double target_, horizon_, value_;
};

}  // namespace una::online
