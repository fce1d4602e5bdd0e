#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/reference.h"

namespace una::kernels::reference {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }
at::Tensor value(const Weight& w) { return w.trains() ? w.master.to(w.value.scalar_type()) : w.value; }

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps, NormKind kind) {
  const at::Tensor in = wide(x);
  const at::Tensor normal = in * at::rsqrt(in.pow(2).mean(-1, true) + eps);
  if (kind == NormKind::kRounded) { return value(weight) * normal.to(x.scalar_type()); }
  const at::Tensor w = wide(value(weight));
  return (normal * (kind == NormKind::kPlusOne ? w + 1 : w)).to(x.scalar_type());
}

at::Tensor qk_norm(const at::Tensor& qkv, const Weight& q, const Weight& k, const QkNormParams& params) {
  const std::int64_t kv = params.kv_heads, heads = qkv.size(1) - 2 * kv, dim = qkv.size(2);
  const auto normed = [&](std::int64_t begin, std::int64_t count, const Weight& weight) {
    const at::Tensor rows = qkv.narrow(1, begin, count);
    return reference::rms_norm(params.whole ? rows.reshape({-1, count * dim}) : rows, weight, params.eps,
                               params.kind)
        .view(rows.sizes());
  };
  return at::cat({normed(0, heads, q), normed(heads, kv, k), qkv.narrow(1, heads + kv, kv)}, 1);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const auto parts = wide(gate_up).chunk(2, -1);
  return (at::silu(parts[0]) * parts[1]).to(gate_up.scalar_type());
}

at::Tensor clamped_swiglu(const at::Tensor& gate_up, double alpha, double limit) {
  const auto parts = wide(gate_up).chunk(2, -1);
  const at::Tensor gate = at::clamp_max(parts[0], limit), up = at::clamp(parts[1], -limit, limit);
  return ((up + 1) * (gate * at::sigmoid(gate * alpha))).to(gate_up.scalar_type());
}

at::Tensor geglu(const at::Tensor& gate_up, Gelu form) {
  const auto parts = wide(gate_up).chunk(2, -1);
  const auto* name = form == Gelu::kExact ? "none" : "tanh";
  return (at::gelu(parts[0], name) * parts[1]).to(gate_up.scalar_type());
}

at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads, RopePairs pairs) {
  const at::Tensor turning = qkv.narrow(1, 0, rotated_heads), in = wide(turning);
  const std::int64_t half = cos.size(1);
  const bool neighbours = pairs == RopePairs::kNeighbours;
  const auto member = [&](std::int64_t which) {
    return neighbours ? in.slice(2, which, 2 * half, 2) : in.narrow(2, which * half, half);
  };
  const at::Tensor a = member(0), b = member(1);
  const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  const at::Tensor still = turning.narrow(2, 2 * half, qkv.size(2) - 2 * half);
  const at::Tensor first = a * c - b * s, second = b * c + a * s;
  const at::Tensor both =
      neighbours ? at::stack({first, second}, -1).flatten(2) : at::cat({first, second}, 2);
  const at::Tensor turned = at::cat({both.to(qkv.scalar_type()), still}, 2);
  return at::cat({turned, qkv.narrow(1, rotated_heads, qkv.size(1) - rotated_heads)}, 1);
}

at::Tensor convolution_input(const at::Tensor& bcx) {
  const auto parts = bcx.chunk(3, 1);
  return parts[0] * parts[2];
}

at::Tensor short_convolution(const at::Tensor& bcx, const at::Tensor& inputs, const at::Tensor& taps,
                             const Weight& weight, const Weight& bias) {
  const at::Tensor w = wide(value(weight));
  at::Tensor sum = at::zeros({bcx.size(0), w.size(0)}, w.options());
  for (std::int64_t j = 0; j < taps.size(1); ++j) {
    const at::Tensor row = taps.select(1, j), there = row.ge(0).to(w.scalar_type()).unsqueeze(1);
    sum = sum + wide(inputs.index_select(0, row.clamp_min(0))) * there * w.select(2, j).select(1, 0);
  }
  if (bias.defined()) { sum = sum + wide(value(bias)); }
  return bcx.chunk(3, 1)[1] * sum.to(bcx.scalar_type());
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
