#include "una/train/early_stopping.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace una::train {

// transformers knows no best metric before the first evaluation, which therefore never counts, and an infinitely bad one
// behind a first evaluation that was not a number.
void EarlyStopping::see(const MetricSeen& seen) {
  const bool first = !any_;
  any_ = true;
  constexpr double kWorst = std::numeric_limits<double>::infinity();
  const double best = seen.has_best ? seen.best : seen.greater_is_better ? -kWorst : kWorst;
  const bool better = seen.greater_is_better ? seen.value > best : seen.value < best;
  const bool improved = first || (better && std::abs(seen.value - best) > threshold_);
  count_ = improved && seen.counts ? 0 : count_ + 1;
}

void EarlyStopping::restore(std::int64_t count) {
  any_ = count >= 0;
  count_ = std::max<std::int64_t>(count, 0);
}

}  // namespace una::train
