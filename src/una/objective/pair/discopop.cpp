#include <ATen/ops/log_sigmoid.h>

#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

// DiscoPOP (arXiv 2406.08414, Eq. 5): logistic and exponential loss, mixed by sigma(v / tau). The exponents
// of e^-v and of the gate are added before one exp, so the term is finite where e^-v is not.
at::Tensor discopop_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * pairs.z;
  const at::Tensor gate = v / options.discopop_tau;
  const at::Tensor exponential = (at::log_sigmoid(gate) - v).clamp_max(20.0).exp();
  return exact_softplus(-v) * (-gate).sigmoid() + exponential;
}

}  // namespace una::objective
