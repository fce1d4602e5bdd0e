#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/reference.h"

namespace una::kernels::reference {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

at::Tensor unit(const at::Tensor& x) { return x * at::rsqrt(x.square().sum(-1, true) + 1e-6); }

// The rows that a segment sees, in order.
at::Tensor rows_of(const at::Tensor& all, const Segment& segment) {
  std::vector<at::Tensor> pieces;
  for (const KeyRange& range : segment.keys) {
    pieces.push_back(all.narrow(0, range.begin, range.end - range.begin));
  }
  return at::cat(pieces, 0);
}

// The results [n, Hv, value_head_dim] of one sequence, token by token.
at::Tensor recurrence(const at::Tensor& rows, const at::Tensor& log_decay, const at::Tensor& beta,
                      const DeltaRuleSpec& spec) {
  const std::int64_t count = rows.size(0), keys = spec.num_key_heads * spec.key_head_dim;
  const auto served = [&](std::int64_t from) {
    return unit(rows.narrow(1, from, keys).view({count, spec.num_key_heads, spec.key_head_dim}))
        .repeat_interleave(spec.num_value_heads / spec.num_key_heads, 1);
  };
  const at::Tensor q = served(0) / std::sqrt(static_cast<double>(spec.key_head_dim)), k = served(keys);
  const at::Tensor v = rows.narrow(1, 2 * keys, spec.num_value_heads * spec.value_head_dim)
                           .view({count, spec.num_value_heads, spec.value_head_dim});
  at::Tensor state =
      at::zeros({spec.num_value_heads, spec.key_head_dim, spec.value_head_dim}, rows.options());
  std::vector<at::Tensor> out;
  for (std::int64_t t = 0; t < count; ++t) {
    state = state * log_decay[t].exp().view({-1, 1, 1});
    const at::Tensor key = k[t].unsqueeze(2), known = (state * key).sum(1);
    state = state + key * ((v[t] - known) * beta[t].unsqueeze(1)).unsqueeze(1);
    out.push_back((state * q[t].unsqueeze(2)).sum(1));
  }
  return at::stack(out);
}

}  // namespace

at::Tensor causal_convolution(const at::Tensor& inputs, const at::Tensor& taps, const Weight& weight) {
  const at::Tensor w = wide(weight.trains() ? weight.master.to(weight.value.scalar_type()) : weight.value);
  at::Tensor sum = at::zeros({taps.size(0), w.size(0)}, w.options());
  for (std::int64_t j = 0; j < taps.size(1); ++j) {
    const at::Tensor row = taps.select(1, j), there = row.ge(0).to(w.scalar_type()).unsqueeze(1);
    sum = sum + wide(inputs.index_select(0, row.clamp_min(0))) * there * w.select(2, j).select(1, 0);
  }
  const at::Tensor rounded = wide(sum.to(inputs.scalar_type()));
  return (rounded * at::sigmoid(rounded)).to(inputs.scalar_type());
}

at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const std::vector<Segment>& segments) {
  at::Tensor out = at::zeros({qkv.size(0), spec.num_value_heads, spec.value_head_dim}, qkv.options());
  for (const Segment& segment : segments) {
    const std::int64_t count = segment.query_end - segment.query_begin;
    const at::Tensor all =
        recurrence(wide(rows_of(qkv, segment)), rows_of(log_decay, segment), rows_of(beta, segment), spec);
    out = out.slice_scatter(all.narrow(0, all.size(0) - count, count).to(qkv.scalar_type()), 0,
                            segment.query_begin, segment.query_end);
  }
  return out;
}

}  // namespace una::kernels::reference
