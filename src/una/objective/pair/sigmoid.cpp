#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// Cross entropy of sigma(v) with the target 1 - eps.
at::Tensor logistic(const at::Tensor& v, double eps) { return exact_softplus(v) - (1 - eps) * v; }

}  // namespace

// DPO (arXiv 2305.18290); with label smoothing cDPO.
at::Tensor sigmoid_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return logistic(options.beta * pairs.z, options.label_smoothing);
}

// Robust DPO (arXiv 2403.00409): unbiased under flipped labels, unbounded below.
at::Tensor robust_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * pairs.z;
  const double eps = options.label_smoothing;
  return ((1 - eps) * exact_softplus(-v) - eps * exact_softplus(v)) / (1 - 2 * eps);
}

at::Tensor sigmoid_norm_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor z = pairs.chosen / pairs.chosen_length - pairs.rejected / pairs.rejected_length;
  return logistic(options.beta * z, options.label_smoothing);
}

}  // namespace una::objective
