#include "una/objective/kernel.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

#include "una/base/error.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

// at::log_sigmoid is min(a, 0) - log1p(exp(-|a|)) with slope 1/2 at 0. at::softplus is not used: it becomes
// linear at 20, an error of 2e-9 in fp64.
at::Tensor exact_softplus(const at::Tensor& a) { return -at::log_sigmoid(-a); }

at::Tensor residual(Link link, const at::Tensor& u, const at::Tensor& t) {
  if (link == Link::kIdentity) { return u - t; }
  return (1 - t) * at::sigmoid(u) - t * at::sigmoid(-u);
}

at::Tensor kernel_loss(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t) {
  if (kernel.loss == PointLoss::kBce) {
    check(kernel.link == Link::kSigmoid, "objective: bce needs the sigmoid link");
    return exact_softplus(u) - t * u;
  }
  const at::Tensor e = residual(kernel.link, u, t);
  switch (kernel.loss) {
    case PointLoss::kL1:
      return e.abs();
    case PointLoss::kHuber: {
      const double h = kernel.huber_delta;
      const at::Tensor size = e.abs();
      return at::where(size <= h, 0.5 * e.square(), h * (size - 0.5 * h));
    }
    default:
      return e.square();
  }
}

at::Tensor kernel_slope(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t) {
  at::Tensor e = residual(kernel.link, u, t);
  if (kernel.loss == PointLoss::kBce) { return e; }
  const at::Tensor inner =
      kernel.link == Link::kIdentity ? at::ones_like(u) : at::sigmoid(u) * at::sigmoid(-u);
  switch (kernel.loss) {
    case PointLoss::kL1:
      return e.sign() * inner;
    case PointLoss::kHuber:
      return e.clamp(-kernel.huber_delta, kernel.huber_delta) * inner;
    default:
      return 2 * e * inner;
  }
}

double clip_soft_target(double t) { return std::clamp(t, 1e-3, 1 - 1e-3); }

double sigmoid(double u) { return u >= 0 ? 1 / (1 + std::exp(-u)) : std::exp(u) / (1 + std::exp(u)); }

double logit(double t) {
  const double clipped = clip_soft_target(t);
  return std::log(clipped / (1 - clipped));
}

}  // namespace una::objective
