#include <ATen/ops/log_sigmoid.h>

#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

// Reward-aware preference optimisation (arXiv 2406.11704): the implicit gap v against a = eta (r_w - r_l).
// Squared distance: equal to distilled DPO and, with beta 1, to REBEL.
at::Tensor rpo_sq_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return (options.beta * pairs.z - options.rpo_eta * pairs.gap).square();
}

// KL(sigma(a) || sigma(v)): DPO with a soft label, minus the label's entropy.
at::Tensor rpo_bwd_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * pairs.z, a = options.rpo_eta * pairs.gap;
  const at::Tensor t = a.sigmoid();
  return t * (at::log_sigmoid(a) - at::log_sigmoid(v)) +
         (-a).sigmoid() * (at::log_sigmoid(-a) - at::log_sigmoid(-v));
}

// KL(sigma(v) || sigma(a)).
at::Tensor rpo_fwd_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * pairs.z, a = options.rpo_eta * pairs.gap;
  return v.sigmoid() * (at::log_sigmoid(v) - at::log_sigmoid(a)) +
         (-v).sigmoid() * (at::log_sigmoid(-v) - at::log_sigmoid(-a));
}

}  // namespace una::objective
