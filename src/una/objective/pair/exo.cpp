#include <cmath>

#include <ATen/ops/log_sigmoid.h>

#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

// EXO (arXiv 2402.00856, Eq. 16): KL(p || q) of p = (sigma(v), sigma(-v)) from q = (1 - eps, eps).
at::Tensor exo_pair_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * pairs.z;
  const double eps = options.label_smoothing;
  return v.sigmoid() * (at::log_sigmoid(v) - std::log1p(-eps)) +
         (-v).sigmoid() * (at::log_sigmoid(-v) - std::log(eps));
}

}  // namespace una::objective
