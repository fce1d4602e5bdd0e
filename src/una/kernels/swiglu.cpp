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

// Calls work(first row, rows) for shares of gate_up's rows.
template <class Work>
void each_share(const at::Tensor& gate_up, const Work& work) {
  detail::for_rows(gate_up.size(0), 2 * gate_up.size(1), work);
}

// Which of the two functions, and its constants.
struct Form {
  bool clamped = false;
  double alpha = 1, limit = 0;
};

at::Tensor forward(const at::Tensor& gate_up, const Form& form) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), inner}, gate_up.options());
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    each_share(gate_up, [&](std::int64_t begin, std::int64_t end) {
      const T* from = read<T>(gate_up) + begin * 2 * inner;
      T* to = write<T>(out) + begin * inner;
      if (!form.clamped) { return detail::table<T>().swiglu(from, to, end - begin, inner); }
      detail::table<T>().clamped_swiglu(from, to, end - begin, inner, static_cast<A>(form.alpha),
                                        static_cast<A>(form.limit));
    });
  });
  return out;
}

at::Tensor backward(const at::Tensor& gate_up, const at::Tensor& grad, const Form& form) {
  const std::int64_t inner = gate_up.size(1) / 2;
  at::Tensor out = at::empty_like(gate_up);
  detail::with_type(gate_up.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    each_share(gate_up, [&](std::int64_t begin, std::int64_t end) {
      const T *from = read<T>(gate_up) + begin * 2 * inner, *dy = read<T>(grad) + begin * inner;
      T* to = write<T>(out) + begin * 2 * inner;
      if (!form.clamped) { return detail::table<T>().swiglu_backward(from, dy, to, end - begin, inner); }
      detail::table<T>().clamped_swiglu_backward(from, dy, to, end - begin, inner, static_cast<A>(form.alpha),
                                                 static_cast<A>(form.limit));
    });
  });
  return out;
}

// The autograd node of both.
struct Swiglu : torch::autograd::Function<Swiglu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up, const Form& form) {
    ctx->save_for_backward({gate_up});
    detail::keep(ctx, form);
    return kernels::forward(gate_up, form);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto& form = detail::kept<Form>(ctx);
    return {kernels::backward(ctx->get_saved_variables()[0], grads[0].contiguous(), form), {}};
  }
};

at::Tensor gated(const at::Tensor& gate_up, const Form& form) {
  check(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, "swiglu: gate_up must be [T, 2 I]");
  if (aten::takes(gate_up)) {
    const auto gate = [form](const detail::variable_list& in) {
      return form.clamped ? reference::clamped_swiglu(in[0], form.alpha, form.limit)
                          : reference::swiglu(in[0]);
    };
    return aten::recomputed(aten::Op(gate), {gate_up});
  }
  const at::Tensor rows = gate_up.contiguous();
  return detail::records({rows}) ? Swiglu::apply(rows, form) : forward(rows, form);
}

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up) { return gated(gate_up, {}); }

at::Tensor clamped_swiglu(const at::Tensor& gate_up, double alpha, double limit) {
  check(limit > 0, "clamped_swiglu: the limit must be positive");
  return gated(gate_up, {true, alpha, limit});
}

}  // namespace una::kernels
