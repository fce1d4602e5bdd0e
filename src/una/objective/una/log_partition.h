#pragma once

#include <vector>

namespace una::objective {

// An estimate of V*(x) = beta log E_ref[exp(r / beta)] from rewards of N reference samples of the prompt (not
// empty), at the temperature beta1 (A*-PO, arXiv 2505.20686): beta1 (logsumexp(r_i / beta1) - log N).
double log_partition(const std::vector<double>& rewards, double beta1);

// With fewer samples the estimate is little more than its largest reward.
inline constexpr std::size_t kFewestReferenceRewards = 4;

}  // namespace una::objective
