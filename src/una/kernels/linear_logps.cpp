#include "una/kernels/linear_logps.h"

#include <atomic>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

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

// The arguments of one call.
struct Call {
  at::Tensor value, master;  // the head; master undefined when frozen
  double temperature = 1, soft_cap = 0;
  std::int64_t chunk = 0;
  Sums sums = Sums::kFast;
};

// The results of one call.
struct Outputs {
  at::Tensor logp, lse, entropy, mean_logit, greedy;  // [N], undefined when not wanted
};

template <class A>
cpu::LogpParams<A> logp_params(const Call& call) {
  return {static_cast<A>(1 / call.temperature), static_cast<A>(call.soft_cap)};
}

// Calls chunk(first row, rows, logits [rows, V]) for all rows of hidden; all chunks use one buffer.
template <class Chunk>
void each_chunk(const at::Tensor& hidden, const Call& call, const Chunk& chunk) {
  const std::int64_t rows = hidden.size(0), vocab = call.value.size(0);
  const std::int64_t size = std::min(rows, call.chunk);
  const at::Tensor buffer = at::empty({size, vocab}, hidden.options());
  for (std::int64_t first = 0; first < rows; first += size) {
    const std::int64_t n = std::min(size, rows - first);
    at::Tensor logits = buffer.narrow(0, 0, n);
    const at::Tensor x = hidden.narrow(0, first, n);
    if (call.sums == Sums::kFast) {
      // Always ATen's: the last chunk of a batch is short, and a loop of another order for few rows would give a row
      // other bits there than in the middle, or in a batch of another length.
      at::mm_out(logits, x, call.value.t());
    } else {
      product_into(logits, x, call.value, {}, call.sums);
    }
    chunk(first, n, logits);
  }
}

// Log-probs of a chunk; with u, each row of logits becomes the unit gradient while it is in cache.
template <class T>
void chunk_logps(const Call& call, const at::Tensor& logits, const at::Tensor& targets, const Outputs& out,
                 std::int64_t first, bool unit_gradient) {
  using A = cpu::Compute<T>;
  const auto& loops = detail::table<T>();
  const cpu::LogpRow<A> results{write<A>(out.logp), write<A>(out.lse), write<A>(out.entropy),
                                write<A>(out.mean_logit), write<bool>(out.greedy)};
  const std::int64_t vocab = logits.size(1);
  const auto params = logp_params<A>(call);
  const auto* target = read<std::int64_t>(targets);
  detail::for_rows(logits.size(0), 4 * vocab, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = first + i;
      T* z = write<T>(logits) + i * vocab;
      loops.logp_row(z, vocab, target[row], params, results, row);
      if (unit_gradient) { loops.logp_row_gradient(z, vocab, target[row], params, results.lse[row], A{1}); }
    }
  });
}

// The rows [first, first + n) of a call's outputs.
aten::HeadRows rows_of(const Outputs& out, std::int64_t first, std::int64_t n) {
  const auto part = [&](const at::Tensor& t) { return t.defined() ? t.narrow(0, first, n) : t; };
  return {part(out.logp), part(out.lse), part(out.entropy), part(out.mean_logit), part(out.greedy)};
}

// chunk_logps on a device that is not the CPU.
void aten_logps(const Call& call, const at::Tensor& logits, const at::Tensor& targets,
                const aten::HeadRows& out, bool unit_gradient) {
  const aten::HeadScales scales{call.temperature, call.soft_cap};
  aten::head_rows(logits, targets, scales, out);
  if (unit_gradient) { aten::head_gradient(logits, targets, scales, out.lse, {}); }
}

Outputs make_outputs(const at::Tensor& hidden, bool lse, bool statistics) {
  const auto options = hidden.options().dtype(detail::compute_type(hidden.scalar_type()));
  const std::int64_t n = hidden.size(0);
  Outputs out;
  out.logp = at::empty({n}, options);
  if (lse) { out.lse = at::empty({n}, options); }
  if (!statistics) { return out; }
  out.entropy = at::empty({n}, options);
  out.mean_logit = at::empty({n}, options);
  out.greedy = at::empty({n}, options.dtype(at::kBool));
  return out;
}

// Fills `out`; u [N, C] = d logp / d hidden unless undefined.
void forward(const at::Tensor& hidden, const Call& call, const at::Tensor& targets, const Outputs& out,
             const at::Tensor& u) {
  each_chunk(hidden, call, [&](std::int64_t first, std::int64_t n, const at::Tensor& logits) {
    if (aten::takes(hidden)) {
      aten_logps(call, logits, targets.narrow(0, first, n), rows_of(out, first, n), u.defined());
    } else {
      detail::with_type(hidden.scalar_type(),
                        [&]<class T>() { chunk_logps<T>(call, logits, targets, out, first, u.defined()); });
    }
    if (!u.defined()) { return; }
    at::Tensor part = u.narrow(0, first, n);
    at::mm_out(part, logits, call.value);
  });
}

// Overwrites the logits of a chunk with grad[row] * d logp / d logits.
template <class T>
void chunk_gradient(const Call& call, const at::Tensor& logits, const at::Tensor& targets,
                    const at::Tensor& lse, const at::Tensor& grad, std::int64_t first) {
  using A = cpu::Compute<T>;
  const std::int64_t vocab = logits.size(1);
  detail::for_rows(logits.size(0), 4 * vocab, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = first + i;
      detail::table<T>().logp_row_gradient(write<T>(logits) + i * vocab, vocab,
                                           read<std::int64_t>(targets)[row], logp_params<A>(call),
                                           read<A>(lse)[row], read<A>(grad)[row]);
    }
  });
}

// Frozen head: scales u, which the forward stored.
struct FrozenHead : torch::autograd::Function<FrozenHead> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& targets,
                            const Call& call, const Outputs& out) {
    const at::Tensor u = at::empty_like(hidden);
    kernels::forward(hidden, call, targets, out, u);
    ctx->save_for_backward({u});
    return out.logp;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor u = ctx->get_saved_variables()[0];
    return {u.mul(grads[0].to(u.scalar_type()).unsqueeze(1)), {}, {}, {}};
  }
};

// A head that trains: recomputes the chunks.
struct TrainedHead : torch::autograd::Function<TrainedHead> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& master,
                            const at::Tensor& targets, const Call& call, const Outputs& out) {
    kernels::forward(hidden, call, targets, out, {});
    ctx->save_for_backward({hidden, targets, out.lse});
    Call saved = call;
    saved.master = master;
    detail::keep(ctx, saved);
    return out.logp;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], grad = grads[0].contiguous();
    const auto& call = detail::kept<Call>(ctx);
    at::Tensor dh = ctx->needs_input_grad(0) ? at::empty_like(hidden) : at::Tensor();
    at::Tensor dw = at::zeros(call.value.sizes(), grad.options());
    each_chunk(hidden, call, [&](std::int64_t first, std::int64_t n, const at::Tensor& logits) {
      if (aten::takes(hidden)) {
        aten::head_gradient(logits, saved[1].narrow(0, first, n), {call.temperature, call.soft_cap},
                            saved[2].narrow(0, first, n), grad.narrow(0, first, n));
      } else {
        detail::with_type(hidden.scalar_type(), [&]<class T>() {
          chunk_gradient<T>(call, logits, saved[1], saved[2], grad, first);
        });
      }
      if (dh.defined()) {
        at::Tensor part = dh.narrow(0, first, n);
        at::mm_out(part, logits, call.value);
      }
      const at::Tensor rows = hidden.narrow(0, first, n);
      logits.scalar_type() == dw.scalar_type() ? dw.addmm_(logits.t(), rows)
                                               : dw.add_(at::mm(logits.t(), rows));
    });
    return {dh, dw.to(call.master.scalar_type()), {}, {}, {}};
  }
};

void check_shapes(const at::Tensor& hidden, const Weight& weight, const at::Tensor& targets,
                  const Call& call) {
  check(hidden.dim() == 2 && weight.value.dim() == 2 && hidden.size(1) == weight.value.size(1),
        "linear_logps: hidden must be [N, C] and the weight [V, C]");
  check(hidden.scalar_type() == weight.value.scalar_type(),
        "linear_logps: hidden and weight differ in dtype");
  check(targets.dim() == 1 && targets.size(0) == hidden.size(0) && targets.scalar_type() == at::kLong,
        "linear_logps: targets must be [N] int64");
  check(call.temperature > 0 && call.chunk > 0, "linear_logps: temperature and chunk_rows must be positive");
  if (!targets.is_cpu()) {
    return;  // the model has checked them on the CPU already
  }
  const auto* target = read<std::int64_t>(targets);
  for (std::int64_t i = 0; i < targets.size(0); ++i) {
    check(target[i] >= 0 && target[i] < weight.value.size(0),
          "linear_logps: a target is outside the vocabulary");
  }
}

// PolicyWants and HeadParams carry the same temperature.
double temperature_of(const PolicyWants& wants, const HeadParams& params) {
  check(wants.temperature == 1 || params.temperature == 1 || wants.temperature == params.temperature,
        "linear_logps: wants and params name different temperatures");
  return params.temperature != 1 ? params.temperature : wants.temperature;
}

}  // namespace

PolicyOutput linear_logps(const at::Tensor& hidden_in, const Weight& weight, const at::Tensor& targets_in,
                          const PolicyWants& wants, const HeadParams& params) {
  const at::Tensor hidden = hidden_in.contiguous(), targets = targets_in.contiguous();
  const Call call{weight.value.detach().contiguous(),
                  {},
                  temperature_of(wants, params),
                  params.soft_cap,
                  params.chunk_rows,
                  params.sums};
  check_shapes(hidden, weight, targets, call);
  const bool record = detail::records({hidden, weight.master});
  const Outputs out = make_outputs(hidden, record, wants.statistics);
  PolicyOutput result{.entropy = out.entropy, .mean_logit = out.mean_logit, .greedy = out.greedy};
  if (!record) {
    forward(hidden.detach(), call, targets, out, {});
    result.logp = out.logp;
  } else if (weight.trains()) {
    result.logp = TrainedHead::apply(hidden, weight.master, targets, call, out);
  } else {
    result.logp = FrozenHead::apply(hidden, targets, call, out);
  }
  return result;
}

at::Tensor logps_of(const at::Tensor& logits, const at::Tensor& targets, const HeadParams& params) {
  check(logits.dim() == 2 && logits.is_contiguous() && targets.is_contiguous() &&
            targets.sizes() == logits.sizes().slice(0, 1) && targets.scalar_type() == at::kLong,
        "logps_of: logits must be [N, V] and targets [N] int64");
  const Call call{{}, {}, params.temperature, params.soft_cap, params.chunk_rows, params.sums};
  const Outputs out = make_outputs(logits, false, false);
  detail::with_type(logits.scalar_type(),
                    [&]<class T>() { chunk_logps<T>(call, logits, targets, out, 0, false); });
  return out.logp;
}

}  // namespace una::kernels
