#include "una/objective/una/log_partition.h"

#include <algorithm>
#include <cmath>

#include "una/base/error.h"

namespace una::objective {

double log_partition(const std::vector<double>& rewards, double beta1) {
  check(!rewards.empty(), "objective: a log partition without reference rewards");
  const double top = *std::max_element(rewards.begin(), rewards.end());
  double sum = 0;
  for (const double r : rewards) { sum += std::exp((r - top) / beta1); }
  return top + beta1 * std::log(sum / static_cast<double>(rewards.size()));
}

}  // namespace una::objective
