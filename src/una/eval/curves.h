#pragma once

#include <optional>
#include <utility>
#include <vector>

namespace una::eval {

// Points (x, y) in the order of training, x the KL so far.
using Curve = std::vector<std::pair<double, double>>;

// y where the curve first reaches `x`, on the straight line between two neighbours; nothing where it never
// does.
std::optional<double> value_at(const Curve& curve, double x);

// Mean of one value a seed, and half the width of its 95 % interval (Student's t; 0 for a single seed).
struct SeedMean {
  double mean = 0, half_width = 0;
};
SeedMean mean_over_seeds(const std::vector<double>& values);

}  // namespace una::eval
