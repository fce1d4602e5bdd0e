#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>

#include "una/kernels/reference.h"

namespace una::kernels::reference {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }
at::Tensor value(const Weight& w) { return w.trains() ? w.master.to(w.value.scalar_type()) : w.value; }

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps) {
  const at::Tensor in = wide(x);
  const at::Tensor normal = in * at::rsqrt(in.pow(2).mean(-1, true) + eps);
  return value(weight) * normal.to(x.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const auto parts = wide(gate_up).chunk(2, -1);
  return (at::silu(parts[0]) * parts[1]).to(gate_up.scalar_type());
}

at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads) {
  const at::Tensor in = wide(qkv.narrow(1, 0, rotated_heads));
  const std::int64_t half = qkv.size(2) / 2;
  const at::Tensor a = in.narrow(2, 0, half), b = in.narrow(2, half, half);
  const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  const at::Tensor turned = at::cat({a * c - b * s, b * c + a * s}, 2).to(qkv.scalar_type());
  return at::cat({turned, qkv.narrow(1, rotated_heads, qkv.size(1) - rotated_heads)}, 1);
}

at::Tensor embedding(const at::Tensor& ids, const Weight& weight) {
  return at::index_select(value(weight), 0, ids);
}

// torch.optim.AdamW's single-tensor loop, line by line.
void adamw_step(at::Tensor& param, const at::Tensor& grad, at::Tensor& exp_avg, at::Tensor& exp_avg_sq,
                const AdamWParams& p) {
  const at::Tensor g = grad * p.gradient_scale;
  param.mul_(1 - p.learning_rate * p.weight_decay);
  exp_avg.lerp_(g, 1 - p.beta1);
  exp_avg_sq.mul_(p.beta2).addcmul_(g, g, 1 - p.beta2);
  const double first = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double second = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  const at::Tensor denominator = (exp_avg_sq.sqrt() / std::sqrt(second)).add_(p.epsilon);
  param.addcdiv_(exp_avg, denominator, -p.learning_rate / first);
}

}  // namespace una::kernels::reference
