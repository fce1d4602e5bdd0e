#pragma once

#include <string>
#include <vector>

namespace una::objective {

// QRPO (arXiv 2507.08068): the reward is replaced by a transform of its rank among rewards of reference
// samples. The rank of a reference sample is uniform, so log Z is known and the same for every prompt.
enum class QuantileTransform { kIdentity, kLog, kNormal };
QuantileTransform quantile_transform(const std::string& name);  // identity | log | normal

// The share of `reference` (not empty) that is <= reward, at least 1 / n.
double quantile_of(double reward, const std::vector<double>& reference);

// R of the share q among n samples: q, log q or the normal quantile. For the last one q is clipped to 1 - 1 /
// (2n), where it is finite.
double transformed_quantile(QuantileTransform transform, double q, std::size_t n);

// beta log Z, Z = E[exp(R / beta)] for q uniform in 0..1.
double quantile_offset(QuantileTransform transform, double beta);

}  // namespace una::objective
