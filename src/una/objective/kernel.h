#pragma once

#include <ATen/core/Tensor.h>

namespace una::objective {

// The one loss behind UNA and its relatives: g(link(u), t) for the point logit u and the target t
// (docs/objectives.md). Elementwise on fp64 tensors of one shape, differentiable in u, finite for |u| <= 1e4.
enum class Link { kIdentity, kSigmoid };
// The distance between link(u) and t.
enum class PointLoss { kMse, kBce, kL1, kHuber };

// One choice of g.
struct Kernel {
  Link link = Link::kSigmoid;
  PointLoss loss = PointLoss::kMse;  // kBce needs kSigmoid
  double huber_delta = 1;
};

at::Tensor exact_softplus(const at::Tensor& a);  // log(1 + e^a), slope 1/2 at 0

// link(u) - t. For the sigmoid (1-t) sigma(u) - t sigma(-u), so that hard targets lose no precision.
at::Tensor residual(Link link, const at::Tensor& u, const at::Tensor& t);

// mse is e^2, without 1/2; huber is half of it inside huber_delta; bce is softplus(u) - t u.
at::Tensor kernel_loss(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t);
at::Tensor kernel_slope(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t);  // d loss / du

// Clips a soft target to [1e-3, 1 - 1e-3], before a logit or a cross entropy.
double clip_soft_target(double t);
double logit(double t);  // of the clipped t
double sigmoid(double u);

}  // namespace una::objective
