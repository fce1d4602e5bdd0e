#include <cmath>

#include <ATen/ops/where.h>

#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// log(1 - e^a) for a < 0, by the form that is more precise. Each branch gets only arguments in its own range,
// so that an infinite slope of the other one is never multiplied by zero.
at::Tensor log1mexp(const at::Tensor& a) {
  const double border = -std::log(2.0);
  const at::Tensor near = at::where(a > border, a, border), far = at::where(a > border, border, a);
  return at::where(a > border, (-near.expm1()).log(), (-far.exp()).log1p());
}

at::Tensor log_odds(const at::Tensor& logp, const at::Tensor& length) {
  const at::Tensor mean = (logp / length).clamp_max(-1e-6);
  return mean - log1mexp(mean);
}

}  // namespace

// SimPO (arXiv 2405.14734).
at::Tensor simpo_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor gap =
      pairs.chosen_logp / pairs.chosen_length - pairs.rejected_logp / pairs.rejected_length;
  return exact_softplus(options.simpo_gamma - options.beta * gap);
}

// The ratio term of ORPO (arXiv 2403.07691), times its lambda (beta); the NLL is a separate part.
at::Tensor orpo_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  const at::Tensor o =
      log_odds(pairs.chosen_logp, pairs.chosen_length) - log_odds(pairs.rejected_logp, pairs.rejected_length);
  return options.beta * exact_softplus(-o);
}

}  // namespace una::objective
