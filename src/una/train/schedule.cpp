#include "una/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "una/base/error.h"

namespace una::train {

double schedule_factor(const Schedule& schedule, std::int64_t step) {
  const auto at = static_cast<double>(step);
  const auto warmup = static_cast<double>(schedule.warmup_steps);
  if (schedule.type == "constant") { return 1; }
  if (step < schedule.warmup_steps) { return at / std::max(1.0, warmup); }
  if (schedule.type == "constant_with_warmup") { return 1; }
  const double rest = std::max(1.0, static_cast<double>(schedule.total_steps) - warmup);
  const double progress = std::min(1.0, (at - warmup) / rest);
  if (schedule.type == "linear") { return std::max(0.0, 1 - progress); }
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  if (schedule.type == "cosine") { return std::max(0.0, cosine); }
  if (schedule.type == "cosine_with_min_lr") {
    return schedule.min_ratio + (1 - schedule.min_ratio) * cosine;
  }
  throw InternalError("unknown schedule " + schedule.type);
}

}  // namespace una::train
