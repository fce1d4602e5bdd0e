#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

// NCA (arXiv 2402.05369): each answer against noise of mass 1/2.
at::Tensor nca_pair_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor w = options.beta * pairs.chosen, l = options.beta * pairs.rejected;
  return exact_softplus(-w) + 0.5 * exact_softplus(w) + 0.5 * exact_softplus(l);
}

// BCO without its running mean, as TRL's bco_pair; una_f running has the mean.
at::Tensor bco_pair_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return exact_softplus(-options.beta * pairs.chosen) + exact_softplus(options.beta * pairs.rejected);
}

// APO (arXiv 2408.06266, Eq. 7): chosen up, rejected down.
at::Tensor apo_zero_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return (-options.beta * pairs.chosen).sigmoid() + (options.beta * pairs.rejected).sigmoid();
}

// APO (Eq. 8): both down, rejected more.
at::Tensor apo_down_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return (options.beta * pairs.chosen).sigmoid() +
         (-options.beta * (pairs.chosen - pairs.rejected)).sigmoid();
}

}  // namespace una::objective
