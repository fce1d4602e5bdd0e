#include "una/kernels/geglu.h"

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

constexpr std::int64_t kCost = 6;  // of an element, relative to copying one

at::Tensor forward(const at::Tensor& gate_up, bool exact) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), inner}, gate_up.options());
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    detail::for_rows(gate_up.size(0), kCost * inner, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().geglu(read<T>(gate_up) + begin * 2 * inner, write<T>(out) + begin * inner,
                               end - begin, inner, exact);
    });
  });
  return out;
}

at::Tensor backward(const at::Tensor& gate_up, const at::Tensor& grad, bool exact) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty_like(gate_up);
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    detail::for_rows(gate_up.size(0), kCost * inner, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().geglu_backward(read<T>(gate_up) + begin * 2 * inner, read<T>(grad) + begin * inner,
                                        write<T>(out) + begin * 2 * inner, end - begin, inner, exact);
    });
  });
  return out;
}

// The autograd node of geglu.
struct Geglu : torch::autograd::Function<Geglu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up, bool exact) {
    ctx->save_for_backward({gate_up});
    ctx->saved_data["exact"] = exact;
    return kernels::forward(gate_up, exact);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const bool exact = ctx->saved_data["exact"].toBool();
    return {kernels::backward(ctx->get_saved_variables()[0], grads[0].contiguous(), exact), {}};
  }
};

}  // namespace

at::Tensor geglu(const at::Tensor& gate_up, Gelu form) {
  check(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, "geglu: gate_up must be [T, 2 I]");
  if (aten::takes(gate_up)) {
    const auto gate = [form](const detail::variable_list& in) { return reference::geglu(in[0], form); };
    return aten::recomputed(aten::Op(gate), {gate_up});
  }
  const bool exact = form == Gelu::kExact;
  const at::Tensor rows = gate_up.contiguous();
  return detail::records({rows}) ? Geglu::apply(rows, exact) : forward(rows, exact);
}

}  // namespace una::kernels
