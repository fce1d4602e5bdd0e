#include "una/kernels/lora_linear.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/rng.h"
#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/product.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

// The arguments of one call, as the backward needs them.
struct Call {
  LinearWeight weight;  // [sum out, in]
  at::Tensor bias;      // [sum out] or undefined
  std::vector<LinearPart> parts;
  Sums sums;
  at::Tensor kept_x;                                    // x or its origin; undefined: not needed
  std::function<at::Tensor(const at::Tensor&)> make_x;  // from kept_x; empty: kept_x is x
};

// Calls visit(master) for every tensor that trains, in the order of the Function's inputs.
template <class Visit>
void each_master(const std::vector<LinearPart>& parts, const Visit& visit) {
  for (const LinearPart& part : parts) {
    if (detail::wants_grad(part.weight_master)) { visit(part.weight_master); }
    if (detail::wants_grad(part.bias_master)) { visit(part.bias_master); }
    for (const LoraTerm& term : part.adapters) {
      if (term.a.trains()) { visit(term.a.master); }
      if (term.b.trains()) { visit(term.b.master); }
      if (detail::wants_grad(term.magnitude_master)) { visit(term.magnitude_master); }
    }
  }
}

// Whether any gradient is computed from x.
bool needs_x(const LinearPart& part) {
  return detail::wants_grad(part.weight_master) ||
         std::any_of(part.adapters.begin(), part.adapters.end(),
                     [](const LoraTerm& term) { return term.a.trains(); });
}

bool is_dora(const LinearPart& part) { return !part.adapters.empty() && part.adapters[0].gain.defined(); }

bool has_dora(const std::vector<LinearPart>& parts) {
  return std::any_of(parts.begin(), parts.end(), is_dora);
}

// out = dropped x, or out += dropped x.
void drop(const at::Tensor& x, const LoraTerm& term, const at::Tensor& out, bool add) {
  if (aten::takes(x)) {
    const at::Tensor kept = at::mul(x, aten::dropout_mask(x, term.dropout, term.dropout_key));
    add ? at::Tensor(out).add_(kept) : at::Tensor(out).copy_(kept);
    return;
  }
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
  if (term.dropout == 0) { return x; }
  at::Tensor out = at::empty_like(x);
  drop(x, term, out, false);
  return out;
}

at::Tensor scaled(const at::Tensor& thin, double scale) { return scale == 1 ? thin : thin.mul_(scale); }

// base + x weight^T
at::Tensor plus_product(const at::Tensor& base, const at::Tensor& x, const at::Tensor& weight, Sums sums) {
  if (sums == Sums::kFast) { return at::addmm(base, x, weight.t()); }
  const at::Tensor out = base.clone(at::MemoryFormat::Contiguous);
  add_product(out, x, weight, sums);
  return out;
}

// Applies a part's DoRA term to its product with the weight. Under dropout the base's share of z has a
// different input from y's, so it needs a second product.
void apply_dora(const at::Tensor& x, const at::Tensor& weight, const LoraTerm& term, at::Tensor y,
                variable_list& saved, Sums sums) {
  const at::Tensor in = dropped(x, term);
  const bool drops = term.dropout > 0;
  const at::Tensor base = drops ? product(in, weight, {}, sums) : y;
  saved.push_back(scaled(product(in, term.a.value, {}, sums), term.scale));
  const at::Tensor z = plus_product(base, saved.back(), term.b.value, sums);
  if (drops) {
    y.add_(at::mul(z, term.gain).sub_(base));
  } else {
    at::mul_out(y, z, term.gain);
  }
  if (detail::wants_grad(term.magnitude_master)) { saved.push_back(z); }
}

// Returns y; appends to `saved`, for each adapter, its scaled thin product s drop(x) A^T [T, r], then z where
// a DoRA magnitude trains.
at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   const std::vector<LinearPart>& parts, variable_list& saved, Sums sums) {
  const bool late_bias = bias.defined() && has_dora(parts);  // the gain does not apply to the bias
  at::Tensor y = product(x, weight, late_bias ? at::Tensor() : bias, sums);
  std::int64_t begin = 0;
  for (const LinearPart& part : parts) {
    if (is_dora(part)) {
      apply_dora(x, weight.narrow(0, begin, part.out), part.adapters[0], y.narrow(1, begin, part.out), saved,
                 sums);
    } else {
      for (const LoraTerm& term : part.adapters) {
        saved.push_back(scaled(product(dropped(x, term), term.a.value, {}, sums), term.scale));
        add_product(y.narrow(1, begin, part.out), saved.back(), term.b.value, sums);
      }
    }
    begin += part.out;
  }
  return late_bias ? y.add_(bias) : y;
}

at::Tensor like(const at::Tensor& grad, const at::Tensor& master) { return grad.to(master.scalar_type()); }

// Where the backward of a call puts its results.
struct Gradients {
  const at::Tensor& x;
  at::Tensor& dx;  // undefined: not wanted
  variable_list& out;
};

// The gradients of one adapter; adds its share to dx where that is wanted, and `base`, if defined, as the
// share of a further product with the dropped x.
void term_backward(const LoraTerm& term, const at::Tensor& thin, const at::Tensor& dy, const at::Tensor& base,
                   Gradients into) {
  const bool trains_a = term.a.trains();
  at::Tensor inner;  // s dY B
  if (trains_a || into.dx.defined()) { inner = scaled(at::mm(dy, term.b.value), term.scale); }
  if (trains_a) { into.out.push_back(like(at::mm(inner.t(), dropped(into.x, term)), term.a.master)); }
  if (term.b.trains()) { into.out.push_back(like(at::mm(dy.t(), thin), term.b.master)); }
  if (!into.dx.defined()) { return; }
  if (term.dropout == 0) {
    into.dx.addmm_(inner, term.a.value);
  } else {
    drop(base.defined() ? at::addmm(base, inner, term.a.value) : at::mm(inner, term.a.value), term, into.dx,
         true);
  }
}

// The gradient of the stacked product: dy times DoRA's gain, except for parts under dropout, whose plain
// product has no gain.
at::Tensor product_gradient(const at::Tensor& dy, const Call& call) {
  if (!has_dora(call.parts)) { return dy; }
  at::Tensor out = dy.clone();
  std::int64_t begin = 0;
  for (const LinearPart& part : call.parts) {
    if (is_dora(part) && part.adapters[0].dropout == 0) {
      out.narrow(1, begin, part.out).mul_(part.adapters[0].gain);
    }
    begin += part.out;
  }
  return out;
}

// The gradients of one part.
struct PartGradients {
  at::Tensor dy, dproduct;  // gradients of a part's output and of its product with the weight
};

// The same for a DoRA term: z's gradient is gain dy. `saved`: the thin product, then z where it was stored.
void dora_backward(const LoraTerm& term, const at::Tensor& weight, const at::Tensor* saved,
                   const PartGradients& part, Gradients into) {
  const at::Tensor& dy = part.dy;
  const at::Tensor dz = term.dropout > 0 ? at::mul(dy, term.gain).to(dy.scalar_type()) : part.dproduct;
  at::Tensor base;
  if (term.dropout > 0 && into.dx.defined()) { base = at::mm(dz.sub(dy), weight); }
  term_backward(term, saved[0], dz, base, into);
  if (!detail::wants_grad(term.magnitude_master)) { return; }
  const at::ScalarType wide = detail::compute_type(dy.scalar_type());
  const at::Tensor dgain = at::sum(at::mul(dy.to(wide), saved[1].to(wide)), {0});
  into.out.push_back(like(dgain.div_(term.norm), term.magnitude_master));
}

// The autograd node of stacked_linear.
struct StackedLinear : torch::autograd::Function<StackedLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList /*masters*/,
                            Call call) {
    variable_list saved{std::exchange(call.kept_x, {})};  // moved, so that it is freed right after its use
    at::Tensor y = kernels::forward(x, call.weight.values(), call.bias, call.parts, saved, call.sums);
    ctx->save_for_backward(std::move(saved));
    detail::keep(ctx, std::move(call));
    return y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& call = detail::kept<Call>(ctx);
    const at::Tensor x = saved[0].defined() && call.make_x ? call.make_x(saved[0]) : saved[0];
    const at::Tensor dy = grads[0].contiguous();
    const at::Tensor dproduct = product_gradient(dy, call);
    const bool wants_dx = ctx->needs_input_grad(0);
    const at::Tensor weight = wants_dx || has_dora(call.parts) ? call.weight.values() : at::Tensor();
    at::Tensor dx = wants_dx ? at::mm(dproduct, weight) : at::Tensor();
    variable_list out(1);
    const Gradients into{x, dx, out};
    std::int64_t begin = 0;
    std::size_t next = 1;  // index into `saved`
    for (const LinearPart& part : call.parts) {
      const at::Tensor part_dy = dy.narrow(1, begin, part.out);
      const at::Tensor part_dproduct = dproduct.narrow(1, begin, part.out);
      if (detail::wants_grad(part.weight_master)) {
        out.push_back(like(at::mm(part_dproduct.t(), x), part.weight_master));
      }
      if (detail::wants_grad(part.bias_master)) {
        const auto type = detail::compute_type(dy.scalar_type());
        out.push_back(like(at::sum(part_dy, {0}, false, type), part.bias_master));
      }
      for (const LoraTerm& term : part.adapters) {
        if (is_dora(part)) {
          dora_backward(term, weight.narrow(0, begin, part.out), &saved[next], {part_dy, part_dproduct},
                        into);
        } else {
          term_backward(term, saved[next], part_dy, {}, into);
        }
        next += detail::wants_grad(term.magnitude_master) ? 2 : 1;
      }
      begin += part.out;
    }
    out[0] = dx;
    out.resize(out.size() + 1);  // the call
    return out;
  }
};

void check_dora(const LinearPart& part) {
  const LoraTerm& term = part.adapters[0];
  check(part.adapters.size() == 1 && term.gain.numel() == part.out,
        "stacked_linear: a DoRA term's gain must be [out], and the term its part's only one");
  check(!detail::wants_grad(term.magnitude_master) || term.norm.defined(),
        "stacked_linear: a DoRA magnitude that trains needs its norm");
  check(term.dropout == 0 || !detail::wants_grad(part.weight_master),
        "stacked_linear: no DoRA with dropout on a weight that trains");
}

void check_parts(const at::Tensor& x, const LinearWeight& weight, const std::vector<LinearPart>& parts) {
  check(x.dim() == 2 && x.size(1) == weight.columns(),
        "stacked_linear: x must be [T, in] and the weight [out, in]");
  check(x.scalar_type() == weight.dtype(), "stacked_linear: x and weight differ in dtype");
  std::int64_t total = 0;
  for (const LinearPart& part : parts) {
    total += part.out;
    check(!weight.packed() || !part.weight_master.defined(), "stacked_linear: a packed weight cannot train");
    for (const LoraTerm& term : part.adapters) {
      check(term.a.value.size(1) == x.size(1) && term.b.value.size(0) == part.out &&
                term.a.value.size(0) == term.b.value.size(1),
            "stacked_linear: an adapter's A must be [r, in] and its B [out, r]");
      check(term.dropout >= 0 && term.dropout < 1, "stacked_linear: dropout must be in [0, 1)");
    }
    if (is_dora(part)) { check_dora(part); }
  }
  check(total == weight.rows(), "stacked_linear: the parts' rows do not add up to the weight's");
}

void keep_input(const at::Tensor& x, const InputOrigin& origin, Call& call) {
  if (std::none_of(call.parts.begin(), call.parts.end(), needs_x)) { return; }
  call.kept_x = origin.from.defined() ? origin.from.detach() : x;
  if (origin.from.defined()) { call.make_x = origin.make; }
}

}  // namespace

at::Tensor stacked_linear(const at::Tensor& x_in, const LinearWeight& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts, const InputOrigin& origin, Sums sums) {
  check_parts(x_in, weight, parts);
  const at::Tensor x = x_in.contiguous();
  bool record = detail::records({x});
  variable_list masters;
  if (at::GradMode::is_enabled()) {
    each_master(parts, [&](const at::Tensor& master) { masters.push_back(master); });
    record = record || !masters.empty();
  }
  if (record) {
    Call call{weight.detached(), bias.defined() ? bias.detach() : bias, parts, sums, {}, {}};
    keep_input(x, origin, call);
    return StackedLinear::apply(x, at::TensorList(masters), std::move(call));
  }
  const at::NoGradGuard no_grad;
  variable_list unused;
  return forward(x, weight.values(), bias, parts, unused, sums);
}

at::Tensor dora_norm(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b, double scale) {
  constexpr std::int64_t kRows = 256;  // fp32 rows that stay in cache
  const at::NoGradGuard no_grad;
  const at::ScalarType wide = detail::compute_type(weight.scalar_type());
  const at::Tensor inner = a.to(weight.device(), wide), outer = b.to(weight.device(), wide);
  const at::Tensor out = at::empty({weight.size(0)}, weight.options().dtype(wide).requires_grad(false));
  for (std::int64_t begin = 0; begin < weight.size(0); begin += kRows) {
    const std::int64_t rows = std::min(kRows, weight.size(0) - begin);
    const at::Tensor sum =
        at::addmm(weight.narrow(0, begin, rows).to(wide), outer.narrow(0, begin, rows), inner, 1, scale);
    out.narrow(0, begin, rows).copy_(at::linalg_vector_norm(sum, 2, at::IntArrayRef{1}));
  }
  return out;
}

}  // namespace una::kernels
