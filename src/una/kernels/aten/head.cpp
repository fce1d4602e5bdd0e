#include <ATen/TensorOperators.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tanh.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/cpu/dispatch.h"

namespace una::kernels::aten {
namespace {

// Logits after soft-cap and temperature.
struct Scaled {
  at::Tensor logits;   // [n, V] fp32 (fp64), capped and divided by the temperature
  at::Tensor squared;  // tanh(z / cap)^2; undefined without a cap
};

Scaled scaled(const at::Tensor& logits, const HeadScales& scales) {
  Scaled out{logits.to(detail::compute_type(logits.scalar_type())), {}};
  if (scales.soft_cap > 0) {
    const at::Tensor turned = at::tanh(out.logits / scales.soft_cap);
    out.squared = turned.square();
    out.logits = turned * scales.soft_cap;
  }
  if (scales.temperature != 1) { out.logits = out.logits / scales.temperature; }
  return out;
}

at::Tensor chosen(const at::Tensor& logits, const at::Tensor& targets) {
  return logits.gather(1, targets.unsqueeze(1)).squeeze(1);
}

void put(const at::Tensor& to, const at::Tensor& from) {
  if (to.defined()) { to.copy_(from); }
}

}  // namespace

void head_rows(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
               const HeadRows& out) {
  const at::Tensor z = scaled(logits, scales).logits, lse = at::logsumexp(z, {1}), own = chosen(z, targets);
  put(out.logp, own - lse);
  put(out.lse, lse);
  if (!out.entropy.defined()) { return; }
  put(out.entropy, lse - ((z - lse.unsqueeze(1)).exp() * z).sum(1));
  put(out.mean_logit, z.mean(1));
  put(out.greedy, own >= std::get<0>(z.max(1)));
}

void head_gradient(const at::Tensor& logits, const at::Tensor& targets, const HeadScales& scales,
                   const at::Tensor& lse, const at::Tensor& grad) {
  const Scaled s = scaled(logits, scales);
  at::Tensor d = (s.logits - lse.unsqueeze(1)).exp().neg();  // - p, then + 1 at the target
  const at::Tensor at_target = targets.unsqueeze(1);
  d.scatter_add_(1, at_target, at::ones_like(at_target, d.options()));
  if (scales.temperature != 1) { d = d / scales.temperature; }
  if (s.squared.defined()) { d = d * (1 - s.squared); }
  if (grad.defined()) { d = d * grad.unsqueeze(1); }
  at::Tensor(logits).copy_(d);
}

}  // namespace una::kernels::aten
