#include "una/kernels/swiglu.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

at::Tensor forward(const at::Tensor& gate_up) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), inner}, gate_up.options());
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    detail::for_rows(gate_up.size(0), 4 * inner, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().swiglu(read<T>(gate_up) + begin * 2 * inner, write<T>(out) + begin * inner,
                                end - begin, inner);
    });
  });
  return out;
}

at::Tensor backward(const at::Tensor& gate_up, const at::Tensor& grad) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty_like(gate_up);
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    detail::for_rows(gate_up.size(0), 4 * inner, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().swiglu_backward(read<T>(gate_up) + begin * 2 * inner, read<T>(grad) + begin * inner,
                                         write<T>(out) + begin * 2 * inner, end - begin, inner);
    });
  });
  return out;
}

// The autograd node of swiglu.
struct Swiglu : torch::autograd::Function<Swiglu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up) {
    ctx->save_for_backward({gate_up});
    return kernels::forward(gate_up);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {kernels::backward(ctx->get_saved_variables()[0], grads[0].contiguous())};
  }
};

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up) {
  check(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, "swiglu: gate_up must be [T, 2 I]");
  if (aten::takes(gate_up)) {
    const auto gate = [](const detail::variable_list& in) { return reference::swiglu(in[0]); };
    return aten::recomputed(aten::Op(gate), {gate_up});
  }
  const at::Tensor rows = gate_up.contiguous();
  return detail::records({rows}) ? Swiglu::apply(rows) : forward(rows);
}

}  // namespace una::kernels
