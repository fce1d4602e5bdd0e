#include "una/kernels/attention.h"

#include <limits>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include "una/base/format.h"
#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/attention.h"
#include "una/kernels/cpu/dispatch.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::variable_list;

// The arguments of one call.
struct Call {
  std::vector<Segment> segments;
  AttentionParams params;
  bool whole = true;  // every row of q belongs to a segment
  at::Tensor sinks;   // [H] in the computing dtype, without history; undefined: none
};

// q, k and v, which may be views of one tensor.
struct Views {
  at::Tensor q, k, v;
};

Views slices(const at::Tensor& qkv, std::int64_t kv_heads) {
  const std::int64_t heads = qkv.size(1) - 2 * kv_heads;
  return {qkv.narrow(1, 0, heads), qkv.narrow(1, heads, kv_heads), qkv.narrow(1, heads + kv_heads, kv_heads)};
}

void check_segment(const Segment& segment, std::int64_t queries, std::int64_t keys) {
  const auto fail = [](const std::string& what) {
    throw InternalError(cat("attention: a segment's ", what));
  };
  if (segment.query_begin < 0 || segment.query_begin > segment.query_end || segment.query_end > queries) {
    fail(cat("queries [", segment.query_begin, ", ", segment.query_end, ") leave q's ", queries, " rows"));
  }
  std::int64_t total = 0;
  for (const KeyRange& range : segment.keys) {
    if (range.begin < 0 || range.begin > range.end || range.end > keys) {
      fail(cat("keys [", range.begin, ", ", range.end, ") leave k's ", keys, " rows"));
    }
    total += range.end - range.begin;
  }
  if (total < segment.query_end - segment.query_begin) {
    fail("key ranges hold fewer keys than it has queries");
  }
}

Call make_call(const Views& t, const std::vector<Segment>& segments, const AttentionParams& params) {
  check(t.q.dim() == 3 && t.k.dim() == 3 && t.v.dim() == 3, "attention: q, k and v must be [rows, heads, D]");
  check(t.k.sizes() == t.v.sizes() && t.q.size(2) == t.k.size(2), "attention: q, k and v differ in shape");
  check(t.k.size(1) > 0 && t.q.size(1) % t.k.size(1) == 0, "attention: heads must be a multiple of kv heads");
  check(t.q.scalar_type() == t.k.scalar_type() && t.k.scalar_type() == t.v.scalar_type(),
        "attention: q, k and v differ in dtype");
  check(t.q.stride(2) == 1 && t.k.stride(2) == 1 && t.v.stride(2) == 1,
        "attention: the last dimension of q, k and v must be contiguous");
  std::int64_t covered = 0;
  for (const Segment& segment : segments) {
    check_segment(segment, t.q.size(0), t.k.size(0));
    covered += segment.query_end - segment.query_begin;
  }
  return {segments, params, covered >= t.q.size(0), {}};
}

at::Tensor wide_sinks(const Weight& sinks, const at::Tensor& q) {
  if (!sinks.defined()) { return {}; }
  check(sinks.value.dim() == 1 && sinks.value.size(0) == q.size(1), "attention: sinks must be [heads]");
  return sinks.value.detach().to(detail::compute_type(q.scalar_type())).contiguous();
}

// The output, and the log-sum-exp that the backward needs.
struct Result {
  at::Tensor out, lse;
};

Result forward(const Views& t, const Call& call, bool keep_lse) {
  Result result;
  const auto type = detail::compute_type(t.q.scalar_type());
  result.out = call.whole ? at::empty(t.q.sizes(), t.q.options()) : at::zeros(t.q.sizes(), t.q.options());
  const auto options = t.q.options().dtype(type).requires_grad(false);
  if (keep_lse) {  // infinite for rows without a segment, to which a sink contributes nothing
    const auto none = std::numeric_limits<double>::infinity();
    result.lse = call.whole ? at::empty({t.q.size(0), t.q.size(1)}, options)
                            : at::full({t.q.size(0), t.q.size(1)}, none, options);
  }
  cpu::attention_forward(t.q, t.k, t.v, call.segments, call.params, call.sinks, result.out, result.lse);
  return result;
}

void backward(const Views& t, const Call& call, const Result& result, const at::Tensor& grad,
              const Views& grads) {
  if (!call.whole) { at::Tensor(grads.q).zero_(); }
  const at::Tensor grad_out = grad.stride(-1) == 1 ? grad : grad.contiguous();
  cpu::attention_backward(t.q, t.k, t.v, call.segments, call.params, result.out, result.lse, grad_out,
                          {grads.q, grads.k, grads.v});
}

// [H]: a sink's weight takes part in no value, so the gradient of its logit is that weight times -(out . dout),
// summed over the rows.
at::Tensor sink_gradient(const at::Tensor& sinks, const Result& result, const at::Tensor& grad) {
  const at::ScalarType wide = sinks.scalar_type();
  const at::Tensor weights = at::exp(at::sub(sinks, result.lse));
  const at::Tensor dots = at::sum(at::mul(result.out.to(wide), grad.to(wide)), at::IntArrayRef{-1});
  return at::sum(at::mul(weights, dots), at::IntArrayRef{0}).neg();
}

// The autograd node of attention.
struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::optional<at::Tensor>& sinks, const Call& call) {
    const Result result = kernels::forward({q, k, v}, call, true);
    ctx->save_for_backward({q, k, v, result.out, result.lse});
    detail::keep(ctx, call);
    ctx->saved_data["sinks_train"] = sinks.has_value();
    return result.out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto s = ctx->get_saved_variables();
    const Views grads{at::empty(s[0].sizes(), s[0].options()), at::empty(s[1].sizes(), s[1].options()),
                      at::empty(s[2].sizes(), s[2].options())};
    const auto& call = detail::kept<Call>(ctx);
    kernels::backward({s[0], s[1], s[2]}, call, {s[3], s[4]}, grad[0], grads);
    const bool sinks_train = ctx->saved_data["sinks_train"].toBool();
    return {grads.q,
            grads.k,
            grads.v,
            sinks_train ? sink_gradient(call.sinks, {s[3], s[4]}, grad[0]) : at::Tensor(),
            {}};
  }
};

// The autograd node of attention_packed.
struct PackedAttention : torch::autograd::Function<PackedAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv, std::int64_t kv_heads,
                            const Call& call) {
    const Result result = kernels::forward(slices(qkv, kv_heads), call, true);
    ctx->save_for_backward({qkv, result.out, result.lse});
    detail::keep(ctx, call);
    ctx->saved_data["kv_heads"] = kv_heads;
    return result.out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto s = ctx->get_saved_variables();
    const std::int64_t kv_heads = ctx->saved_data["kv_heads"].toInt();
    const at::Tensor grads = at::empty(s[0].sizes(), s[0].options());
    kernels::backward(slices(s[0], kv_heads), detail::kept<Call>(ctx), {s[1], s[2]}, grad[0],
                      slices(grads, kv_heads));
    return {grads, {}, {}};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks) {
  Call call = make_call({q, k, v}, segments, params);
  if (aten::takes(q)) { return aten::attention(q, k, v, segments, params, sinks); }
  call.sinks = wide_sinks(sinks, q);
  if (detail::records({q, k, v, sinks.master})) {
    return Attention::apply(q, k, v, detail::master_of(sinks), call);
  }
  return forward({q, k, v}, call, false).out;
}

at::Tensor attention_packed(const at::Tensor& qkv, std::int64_t kv_heads,
                            const std::vector<Segment>& segments, const AttentionParams& params) {
  check(qkv.dim() == 3 && kv_heads > 0 && qkv.size(1) > 2 * kv_heads,
        "attention: qkv must be [T, heads + 2 kv_heads, D]");
  const Views views = slices(qkv.detach(), kv_heads);
  const Call call = make_call(views, segments, params);
  if (aten::takes(qkv)) {
    const Views own = slices(qkv, kv_heads);
    return aten::attention(own.q, own.k, own.v, segments, params, {});
  }
  if (detail::records({qkv})) { return PackedAttention::apply(qkv, kv_heads, call); }
  return forward(views, call, false).out;
}

}  // namespace una::kernels
