#include "una/kernels/lora_linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/rng.h"
#include "una/kernels/autograd.h"
#include "una/kernels/dispatch.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

struct Call {
  at::Tensor weight, bias;  // [sum out, in]; [sum out] or undefined
  std::vector<LinearPart> parts;
};

// visit(master) for every tensor that trains, in the order of the Function's inputs.
template <class Visit>
void each_master(const std::vector<LinearPart>& parts, const Visit& visit) {
  for (const LinearPart& part : parts) {
    if (detail::wants_grad(part.weight_master)) visit(part.weight_master);
    if (detail::wants_grad(part.bias_master)) visit(part.bias_master);
    for (const LoraTerm& term : part.adapters) {
      if (term.a.trains()) visit(term.a.master);
      if (term.b.trains()) visit(term.b.master);
    }
  }
}

// out = dropped x, or out += dropped x.
void drop(const at::Tensor& x, const LoraTerm& term, const at::Tensor& out, bool add) {
  const std::uint64_t stream = stream_id("lora_dropout");
  const std::int64_t cols = x.size(1);
  const cpu::DropoutParams params{static_cast<std::uint64_t>(term.dropout * 65536), 1 / (1 - term.dropout)};
  detail::with_type(x.scalar_type(), [&]<class T>() {
    detail::for_rows(x.size(0), cols, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::uint64_t key = random_bits(term.dropout_key, stream, static_cast<std::uint64_t>(r));
        detail::table<T>().dropout(read<T>(x) + r * cols, write<T>(out) + r * cols, &key, 1, cols, params,
                                   add);
      }
    });
  });
}

at::Tensor dropped(const at::Tensor& x, const LoraTerm& term) {
  if (term.dropout == 0) return x;
  at::Tensor out = at::empty_like(x);
  drop(x, term, out, false);
  return out;
}

at::Tensor scaled(const at::Tensor& thin, double scale) { return scale == 1 ? thin : thin.mul_(scale); }

// y; appends each adapter's scaled thin product s drop(x) A^T [T, r] to `thin`.
at::Tensor forward(const at::Tensor& x, const Call& call, variable_list& thin) {
  at::Tensor y =
      at::linear(x, call.weight, call.bias.defined() ? std::optional<at::Tensor>(call.bias) : std::nullopt);
  std::int64_t begin = 0;
  for (const LinearPart& part : call.parts) {
    for (const LoraTerm& term : part.adapters) {
      thin.push_back(scaled(at::mm(dropped(x, term), term.a.value.t()), term.scale));
      y.narrow(1, begin, part.out).addmm_(thin.back(), term.b.value.t());
    }
    begin += part.out;
  }
  return y;
}

at::Tensor like(const at::Tensor& grad, const at::Tensor& master) { return grad.to(master.scalar_type()); }

// The gradients of one adapter; adds its share to dx where that is wanted.
void term_backward(const LoraTerm& term, const at::Tensor& x, const at::Tensor& thin, const at::Tensor& dy,
                   at::Tensor& dx, variable_list& out) {
  const bool trains_a = term.a.trains();
  at::Tensor inner;  // s dY B
  if (trains_a || dx.defined()) inner = scaled(at::mm(dy, term.b.value), term.scale);
  if (trains_a) out.push_back(like(at::mm(inner.t(), dropped(x, term)), term.a.master));
  if (term.b.trains()) out.push_back(like(at::mm(dy.t(), thin), term.b.master));
  if (!dx.defined()) return;
  if (term.dropout == 0) {
    dx.addmm_(inner, term.a.value);
  } else {
    drop(at::mm(inner, term.a.value), term, dx, true);
  }
}

struct StackedLinear : torch::autograd::Function<StackedLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList /*masters*/,
                            const Call& call) {
    variable_list saved{x};
    at::Tensor y = kernels::forward(x, call, saved);
    ctx->save_for_backward(std::move(saved));
    detail::keep(ctx, call);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], dy = grads[0].contiguous();
    const auto& call = detail::kept<Call>(ctx);
    at::Tensor dx = ctx->needs_input_grad(0) ? at::mm(dy, call.weight) : at::Tensor();
    variable_list out(1);
    std::int64_t begin = 0;
    std::size_t thin = 1;
    for (const LinearPart& part : call.parts) {
      const at::Tensor part_dy = dy.narrow(1, begin, part.out);
      begin += part.out;
      if (detail::wants_grad(part.weight_master)) {
        out.push_back(like(at::mm(part_dy.t(), x), part.weight_master));
      }
      if (detail::wants_grad(part.bias_master)) {
        const auto type = detail::compute_type(dy.scalar_type());
        out.push_back(like(at::sum(part_dy, {0}, false, type), part.bias_master));
      }
      for (const LoraTerm& term : part.adapters) term_backward(term, x, saved[thin++], part_dy, dx, out);
    }
    out[0] = dx;
    out.resize(out.size() + 1);  // the call
    return out;
  }
};

void check_parts(const at::Tensor& x, const at::Tensor& weight, const std::vector<LinearPart>& parts) {
  check(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1),
        "stacked_linear: x must be [T, in] and the weight [out, in]");
  check(x.scalar_type() == weight.scalar_type(), "stacked_linear: x and weight differ in dtype");
  std::int64_t total = 0;
  for (const LinearPart& part : parts) {
    total += part.out;
    for (const LoraTerm& term : part.adapters) {
      check(term.a.value.size(1) == x.size(1) && term.b.value.size(0) == part.out &&
                term.a.value.size(0) == term.b.value.size(1),
            "stacked_linear: an adapter's A must be [r, in] and its B [out, r]");
      check(term.dropout >= 0 && term.dropout < 1, "stacked_linear: dropout must be in [0, 1)");
    }
  }
  check(total == weight.size(0), "stacked_linear: the parts' rows do not add up to the weight's");
}

}  // namespace

at::Tensor stacked_linear(const at::Tensor& x_in, const at::Tensor& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts) {
  check_parts(x_in, weight, parts);
  const at::Tensor x = x_in.contiguous();
  bool record = detail::records({x});
  variable_list masters;
  if (at::GradMode::is_enabled()) {
    each_master(parts, [&](const at::Tensor& master) { masters.push_back(master); });
    record = record || !masters.empty();
  }
  const Call call{weight.detach(), bias.defined() ? bias.detach() : bias, parts};
  if (record) return StackedLinear::apply(x, at::TensorList(masters), call);
  const at::NoGradGuard no_grad;
  variable_list unused;
  return forward(x, call, unused);
}

}  // namespace una::kernels
