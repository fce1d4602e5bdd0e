#pragma once

#include <ATen/core/Tensor.h>

namespace una::objective {

// The one loss behind UNA and its relatives: g(link(u), t) for the point logit u and the target t
// (docs/objectives.md). Elementwise on fp64 tensors of one shape, differentiable in u, finite for |u| <= 1e4.
enum class Link { kIdentity, kSigmoid };
enum class Metric { kMse, kBce, kL1, kHuber };

struct Kernel {
  Link link = Link::kSigmoid;
  Metric metric = Metric::kMse;  // kBce needs kSigmoid
  double huber_delta = 1;
};

at::Tensor softplus(const at::Tensor& a);     // log(1 + e^a), slope 1/2 at 0
at::Tensor log_sigmoid(const at::Tensor& a);  // -softplus(-a)

// link(u) - t. With the sigmoid it is (1-t) sigma(u) - t sigma(-u), so a hard target loses no digits.
at::Tensor residual(Link link, const at::Tensor& u, const at::Tensor& t);

// mse has no 1/2; huber is half of mse inside huber_delta; bce is softplus(u) - t u.
at::Tensor kernel_loss(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t);
at::Tensor kernel_slope(const Kernel& kernel, const at::Tensor& u, const at::Tensor& t);  // d loss / du

// Soft targets before a logit or a cross entropy: into [1e-3, 1 - 1e-3].
double clip_soft_target(double t);
double logit(double t);  // of the clipped t
double sigmoid(double u);

}  // namespace una::objective
