#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

at::Tensor hinge_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return (1 - options.beta * pairs.z).relu();
}

// IPO (arXiv 2310.12036), on log-ratios per token, as in its authors' code and TRL.
at::Tensor ipo_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor z = pairs.chosen / pairs.chosen_length - pairs.rejected / pairs.rejected_length;
  return (z - 1 / (2 * options.beta)).square();
}

// IPO as in the paper: on log-ratios of whole answers.
at::Tensor ipo_sum_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return (pairs.chosen - pairs.rejected - 1 / (2 * options.beta)).square();
}

// SPPO with hard wins (arXiv 2405.00675, Eq. 4.7).
at::Tensor sppo_hard_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const double t = 1 / (2 * options.beta);
  return (pairs.chosen - t).square() + (pairs.rejected + t).square();
}

}  // namespace una::objective
