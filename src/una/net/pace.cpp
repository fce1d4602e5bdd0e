#include "una/net/pace.h"

#include <algorithm>
#include <cmath>

namespace una::net {

double backoff_seconds(double first, double limit, std::int64_t tries, Rng& rng) {
  const double doublings = static_cast<double>(std::clamp<std::int64_t>(tries - 1, 0, 62));
  return std::min(limit, first * std::exp2(doublings)) * (0.5 + rng.uniform());
}

}  // namespace una::net
