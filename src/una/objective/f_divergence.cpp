#include <cmath>

#include "una/objective/kernel.h"
#include "una/objective/methods.h"
#include "una/objective/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

constexpr double kLargestExponent = 20;

}  // namespace

// f'(pi / pi_ref) up to a constant, which the difference of two answers removes (arXiv 2309.16240).
at::Tensor divergence_score(const at::Tensor& delta, const ObjectiveOptions& options) {
  const std::size_t kind = choose("f_divergence_type", options.f_divergence_type,
                                  {"reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"});
  if (kind == 1) { return -(-delta).clamp_max(kLargestExponent).exp(); }
  if (kind == 2) { return log_sigmoid(delta); }
  const double power = options.f_alpha_divergence_coef - 1;
  // alpha -> 1 is the reverse KL; expm1 keeps the digits on the way there.
  if (kind == 3 && std::abs(power) > 1e-9) {
    return (power * delta).clamp_max(kLargestExponent).expm1() / power;
  }
  return delta;
}

}  // namespace una::objective
