#include "una/core/lora_spec.h"

#include <cmath>

namespace una {

double LoraSpec::scale(std::int64_t rank, double alpha_value) const {
  const auto size = static_cast<double>(rank);
  return alpha_value / (use_rslora ? std::sqrt(size) : size);
}

}  // namespace una
