#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"

namespace una::kernels::aten {
namespace {

constexpr std::int64_t kChunk = 64;

// The rows of one chunk, [Hv, n, ..] in the computing type.
struct Chunk {
  at::Tensor q, k, v, log_sum, beta;
};

at::Tensor unit_rows(const at::Tensor& x) { return x * at::rsqrt(x.square().sum(-1, true) + 1e-6); }

Chunk chunk_of(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
               const DeltaRuleSpec& spec, std::int64_t begin, std::int64_t count) {
  const at::Tensor rows = qkv.narrow(0, begin, count).to(log_decay.scalar_type());
  const std::int64_t keys = spec.num_key_heads * spec.key_head_dim;
  const auto heads = [&](std::int64_t from, std::int64_t number, std::int64_t size) {
    return rows.narrow(1, from, number * size).view({count, number, size}).transpose(0, 1);
  };
  const auto served = [&](std::int64_t from) {
    return unit_rows(heads(from, spec.num_key_heads, spec.key_head_dim))
        .repeat_interleave(spec.num_value_heads / spec.num_key_heads, 0);
  };
  const auto gate = [&](const at::Tensor& all) { return all.narrow(0, begin, count).t(); };
  return {served(0) / std::sqrt(static_cast<double>(spec.key_head_dim)), served(keys),
          heads(2 * keys, spec.num_value_heads, spec.value_head_dim), at::cumsum(gate(log_decay), 1),
          gate(beta).unsqueeze(2)};
}

// The chunk's results [Hv, n, value_head_dim]; `state` becomes the one behind it.
at::Tensor through(const Chunk& c, at::Tensor& state) {
  const std::int64_t count = c.q.size(1);
  const at::Tensor place = at::arange(count, c.q.options().dtype(at::kLong));
  const at::Tensor later = place.unsqueeze(0).gt(place.unsqueeze(1));
  const at::Tensor between =
      (c.log_sum.unsqueeze(2) - c.log_sum.unsqueeze(1)).masked_fill(later, -INFINITY).exp();
  const at::Tensor decay = c.log_sum.exp().unsqueeze(2), keys = c.k.transpose(1, 2);
  // The diagonal is taken for ones, and what is above it is not read.
  const at::Tensor system = c.beta * at::matmul(c.k, keys) * between;
  const at::Tensor wanted = c.beta * (c.v - decay * at::matmul(c.k, state));
  const at::Tensor values = at::linalg_solve_triangular(system, wanted, false, true, true);
  const at::Tensor out = decay * at::matmul(c.q, state) + at::matmul(at::matmul(c.q, keys) * between, values);
  const at::Tensor last = c.log_sum.narrow(1, count - 1, 1), left = (last - c.log_sum).exp().unsqueeze(2);
  state = last.exp().unsqueeze(2) * state + at::matmul((left * c.k).transpose(1, 2), values);
  return out;
}

}  // namespace

at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const DeltaPlan& plan, const at::Tensor& states) {
  std::vector<at::Tensor> left(static_cast<std::size_t>(plan.states)), pieces, places;
  for (const DeltaRun& run : plan.runs) {
    at::Tensor state;
    if (run.from < 0) {
      state = at::zeros({spec.num_value_heads, spec.key_head_dim, spec.value_head_dim}, log_decay.options());
    } else {
      state = states.defined() ? states.select(0, run.from) : left[static_cast<std::size_t>(run.from)];
    }
    for (std::int64_t begin = run.begin; begin < run.end; begin += kChunk) {
      const std::int64_t count = std::min(kChunk, run.end - begin);
      pieces.push_back(through(chunk_of(qkv, log_decay, beta, spec, begin, count), state).transpose(0, 1));
      places.push_back(at::arange(begin, begin + count, qkv.options().dtype(at::kLong)));
    }
    if (run.to < 0) { continue; }
    if (states.defined()) { states.select(0, run.to).copy_(state); }
    left[static_cast<std::size_t>(run.to)] = state;
  }
  const at::Tensor none = at::zeros({qkv.size(0), spec.num_value_heads, spec.value_head_dim}, qkv.options());
  if (pieces.empty()) { return none; }
  return none.index_copy(0, at::cat(places), at::cat(pieces).to(qkv.scalar_type()));
}

}  // namespace una::kernels::aten
