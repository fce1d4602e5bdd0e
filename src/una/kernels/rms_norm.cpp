#include "una/kernels/rms_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/norm_rows.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::kPartialRows;
using detail::read;
using detail::variable_list;
using detail::write;

// The arguments of one call.
struct Call {
  Weight weight;
  double eps = 0;
  NormKind kind = NormKind::kRounded;
};

at::Tensor forward(const at::Tensor& x, const Call& call, const at::Tensor& inv) {
  at::Tensor y = at::empty_like(x);
  const std::int64_t cols = x.size(1);
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const auto* in = read<T>(x);
    const auto* w = read<T>(call.weight.value);
    auto* out = write<T>(y);
    auto* scales = write<A>(inv);
    detail::for_rows(x.size(0), cols, [&](std::int64_t begin, std::int64_t end) {
      detail::norm_rows<T>(in + begin * cols, w, out + begin * cols,
                           scales == nullptr ? nullptr : scales + begin,
                           {end - begin, cols, call.eps, call.kind});
    });
  });
  return y;
}

// dx and the weight's gradient [C] in the computing dtype; undefined where not wanted. Partials of fixed
// ranges of rows are added in order, so results do not depend on the thread count.
struct Gradients {
  at::Tensor x, weight;
};

Gradients backward(const at::Tensor& dy, const at::Tensor& x, const Call& call, const at::Tensor& inv,
                   bool want_x) {
  Gradients out;
  const bool want_weight = call.weight.master.defined();
  const std::int64_t rows = x.size(0), cols = x.size(1);
  const std::int64_t partials = (rows + kPartialRows - 1) / kPartialRows;
  if (want_x) { out.x = at::empty_like(x); }
  at::Tensor sums;
  if (want_weight) { sums = at::zeros({partials + 1, cols}, inv.options()); }
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    auto* dx = write<T>(out.x);
    auto* dw = write<A>(sums);
    detail::for_rows(partials, kPartialRows * cols, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const std::int64_t first = p * kPartialRows;
        const std::int64_t count = std::min(kPartialRows, rows - first);
        detail::norm_rows_backward<T>(
            read<T>(dy) + first * cols, read<T>(x) + first * cols, read<T>(call.weight.value),
            read<A>(inv) + first,
            {dx == nullptr ? nullptr : dx + first * cols, dw == nullptr ? nullptr : dw + (p + 1) * cols},
            {count, cols, call.eps, call.kind});
      }
    });
    for (std::int64_t p = 0; want_weight && p < partials; ++p) {
      detail::table<T>().add(dw + (p + 1) * cols, dw, cols);
    }
  });
  if (want_weight) { out.weight = sums.select(0, 0); }
  return out;
}

// The autograd node of rms_norm.
struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::optional<at::Tensor>& master, const Call& call) {
    const at::Tensor inv = at::empty({x.size(0)}, x.options().dtype(detail::compute_type(x.scalar_type())));
    ctx->save_for_backward({x, inv});
    Call saved = call;
    saved.weight = {call.weight.value.detach(), master.value_or(at::Tensor())};
    detail::keep(ctx, saved);
    return kernels::forward(x, call, inv);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& call = detail::kept<Call>(ctx);
    Gradients out =
        kernels::backward(grads[0].contiguous(), saved[0], call, saved[1], ctx->needs_input_grad(0));
    if (out.weight.defined()) { out.weight = out.weight.to(call.weight.master.scalar_type()).clone(); }
    return {out.x, out.weight, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, double eps, NormKind kind) {
  check(x.dim() == 2 && weight.value.numel() == x.size(1), "rms_norm: x must be [T, C] and the weight [C]");
  check(x.scalar_type() == weight.value.scalar_type(), "rms_norm: x and weight differ in dtype");
  if (aten::takes(x)) {
    const auto norm = [eps, kind](const at::Tensor& in, const std::vector<Weight>& weights) {
      return reference::rms_norm(in, weights[0], eps, kind);
    };
    return aten::recomputed(aten::WeightOp(norm), x, {weight});
  }
  const at::Tensor rows = x.contiguous();
  const Call call{weight, eps, kind};
  if (detail::records({x, weight.master})) { return RmsNorm::apply(rows, detail::master_of(weight), call); }
  return forward(rows, call, {});
}

}  // namespace una::kernels
