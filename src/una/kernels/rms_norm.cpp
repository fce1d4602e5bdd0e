#include "una/kernels/rms_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/autograd.h"
#include "una/kernels/dispatch.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

constexpr std::int64_t kPartialRows = 128;  // rows summed into one partial of the weight's gradient

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& inv) {
  at::Tensor y = at::empty_like(x);
  const std::int64_t cols = x.size(1);
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const auto* in = read<T>(x);
    const auto* w = read<T>(weight);
    auto* out = write<T>(y);
    auto* scales = write<A>(inv);
    detail::for_rows(x.size(0), cols, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().rms_norm(in + begin * cols, w, out + begin * cols,
                                  scales == nullptr ? nullptr : scales + begin, end - begin, cols,
                                  static_cast<A>(eps));
    });
  });
  return y;
}

// dx and the weight's gradient [C] in the computing dtype; undefined where not wanted. Partials of fixed rows
// are added in order, so the thread count changes no bit.
struct Gradients {
  at::Tensor x, weight;
};

Gradients backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inv,
                   bool want_x, bool want_weight) {
  Gradients out;
  const std::int64_t rows = x.size(0), cols = x.size(1);
  const std::int64_t partials = (rows + kPartialRows - 1) / kPartialRows;
  if (want_x) out.x = at::empty_like(x);
  at::Tensor sums;
  if (want_weight) sums = at::zeros({partials + 1, cols}, inv.options());
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    auto* dx = write<T>(out.x);
    auto* dw = write<A>(sums);
    detail::for_rows(partials, kPartialRows * cols, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const std::int64_t first = p * kPartialRows;
        const std::int64_t count = std::min(kPartialRows, rows - first);
        detail::table<T>().rms_norm_backward(read<T>(dy) + first * cols, read<T>(x) + first * cols,
                                             read<T>(weight), read<A>(inv) + first,
                                             dx == nullptr ? nullptr : dx + first * cols,
                                             dw == nullptr ? nullptr : dw + (p + 1) * cols, count, cols);
      }
    });
    for (std::int64_t p = 0; want_weight && p < partials; ++p)
      detail::table<T>().add(dw + (p + 1) * cols, dw, cols);
  });
  if (want_weight) out.weight = sums.select(0, 0);
  return out;
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::optional<at::Tensor>& master, const Weight& weight, double eps) {
    const at::Tensor inv = at::empty({x.size(0)}, x.options().dtype(detail::compute_type(x.scalar_type())));
    ctx->save_for_backward({x, inv});
    detail::keep(ctx, Weight{weight.value.detach(), master.value_or(at::Tensor())});
    return kernels::forward(x, weight.value, eps, inv);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& weight = detail::kept<Weight>(ctx);
    const bool want_x = ctx->needs_input_grad(0), want_weight = weight.master.defined();
    Gradients out =
        kernels::backward(grads[0].contiguous(), saved[0], weight.value, saved[1], want_x, want_weight);
    if (want_weight) out.weight = out.weight.to(weight.master.scalar_type()).clone();
    return {out.x, out.weight, {}, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps) {
  check(x.dim() == 2 && weight.value.numel() == x.size(1), "rms_norm: x must be [T, C] and the weight [C]");
  check(x.scalar_type() == weight.value.scalar_type(), "rms_norm: x and weight differ in dtype");
  const at::Tensor rows = x.contiguous();
  if (detail::records({x, weight.master}))
    return RmsNorm::apply(rows, detail::master_of(weight), weight, eps);
  return forward(rows, weight.value, eps, {});
}

}  // namespace una::kernels
