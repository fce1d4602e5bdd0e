#include <cmath>
#include <cstdint>

#include <ATen/ops/log_sigmoid.h>

#include "una/objective/kernel.h"
#include "una/objective/methods.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

constexpr double kLargestExponent = 20;

// The values of f_divergence_type.
enum class Divergence : std::uint8_t { kReverseKl, kForwardKl, kJs, kAlpha };

}  // namespace

// f'(pi / pi_ref) up to a constant, which cancels in the difference of two answers (arXiv 2309.16240).
at::Tensor divergence_score(const at::Tensor& delta, const ObjectiveOptions& options) {
  const auto kind = choose<Divergence>("f_divergence_type", options.f_divergence_type,
                                       {{"reverse_kl", Divergence::kReverseKl},
                                        {"forward_kl", Divergence::kForwardKl},
                                        {"js_divergence", Divergence::kJs},
                                        {"alpha_divergence", Divergence::kAlpha}});
  if (kind == Divergence::kForwardKl) { return -(-delta).clamp_max(kLargestExponent).exp(); }
  if (kind == Divergence::kJs) { return at::log_sigmoid(delta); }
  const double power = options.f_alpha_divergence_coef - 1;
  // alpha -> 1 is the reverse KL; expm1 keeps precision near it.
  if (kind == Divergence::kAlpha && std::abs(power) > 1e-9) {
    return (power * delta).clamp_max(kLargestExponent).expm1() / power;
  }
  return delta;
}

}  // namespace una::objective
