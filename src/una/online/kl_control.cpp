#include "una/online/kl_control.h"

#include <algorithm>

#include "una/base/error.h"

namespace una::online {
namespace {

constexpr double kLargestError = 0.2;
const char* const kKey = "kl_coef";

}  // namespace

KlControl::KlControl(const OnlineOptions& options, double start)
    : adaptive_(options.kl_control == "adaptive"),
      target_(options.kl_target),
      horizon_(options.kl_horizon),
      value_(start) {}

void KlControl::observe(double kl, double answers) {
  if (!adaptive_) { return; }
  const double error = std::clamp(kl / target_ - 1, -kLargestError, kLargestError);
  // A round larger than the horizon must not turn the sign.
  value_ *= std::max(0.0, 1 + error * answers / horizon_);
}

Json KlControl::state() const { return adaptive_ ? Json{{kKey, value_}} : Json::object(); }

void KlControl::load_state(const Json& state) {
  if (!adaptive_) { return; }
  check(state.contains(kKey), "a checkpoint of an adaptive KL coefficient lacks it");
  value_ = state.at(kKey).get<double>();
}

}  // namespace una::online
