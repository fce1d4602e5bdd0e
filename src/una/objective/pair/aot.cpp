#include "una/objective/kernel.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

at::Tensor sorted(const at::Tensor& values) { return std::get<0>(values.sort(0)); }

at::Tensor between(const at::Tensor& upper, const at::Tensor& lower, const ObjectiveOptions& options) {
  const at::Tensor v = options.beta * (sorted(upper) - sorted(lower));
  return exact_softplus(v) - (1 - options.label_smoothing) * v;
}

}  // namespace

// AOT (arXiv 2406.05882): DPO between sorted samples, that is, between distributions instead of rows. It
// sorts the pairs of one micro-batch.
at::Tensor aot_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return between(pairs.chosen_logp - pairs.rejected_logp, pairs.chosen_ref - pairs.rejected_ref, options);
}

at::Tensor aot_unpaired_loss(const Pairs& pairs, const ObjectiveOptions& options) {
  return between(pairs.chosen, pairs.rejected, options);
}

}  // namespace una::objective
