#include "una/kernels/mixers/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include "una/base/error.h"
#include "una/kernels/aten/ops.h"

namespace una::kernels {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

}  // namespace

at::Tensor gated_rms_norm(const at::Tensor& x, const at::Tensor& gate, const Weight& weight, double eps) {
  check(x.dim() == 2 && x.sizes() == gate.sizes() && weight.value.numel() == x.size(1),
        "gated_rms_norm: x and gate must be [N, D], the weight [D]");
  const auto op = [eps, value = weight.value.detach()](const detail::variable_list& in) {
    const at::Tensor w = in.size() > 2 ? in[2].to(value.scalar_type()) : value, from = wide(in[0]);
    const at::Tensor normal = from * at::rsqrt(from.square().mean(-1, true) + eps);
    return (wide(w * normal.to(in[0].scalar_type())) * at::silu(wide(in[1]))).to(in[0].scalar_type());
  };
  detail::variable_list inputs{x, gate};
  if (weight.trains()) { inputs.push_back(weight.master); }
  return aten::recomputed(aten::Op(op), inputs);
}

at::Tensor sigmoid_gated(const at::Tensor& x, const at::Tensor& gate) {
  check(x.sizes() == gate.sizes(), "sigmoid_gated: x and gate differ in shape");
  return aten::recomputed([](const detail::variable_list& in) { return in[0] * at::sigmoid(in[1]); },
                          {x, gate});
}

}  // namespace una::kernels
