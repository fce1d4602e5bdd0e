#include "una/kernels/reference.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

namespace una::kernels::reference {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

// A segment's rows of k or v, one copy per query head: [H, keys, D].
at::Tensor gathered(const at::Tensor& rows, const Segment& segment, std::int64_t heads) {
  std::vector<at::Tensor> pieces;
  for (const KeyRange& range : segment.keys) {
    pieces.push_back(rows.narrow(0, range.begin, range.end - range.begin));
  }
  return wide(at::cat(pieces, 0)).transpose(0, 1).repeat_interleave(heads / rows.size(1), 0);
}

// Softmax of scores [H, queries, keys] with one more column, each head's sink, which is left out of the result.
at::Tensor softmax_with(const at::Tensor& sinks, const at::Tensor& scores) {
  if (!sinks.defined()) { return at::softmax(scores, -1); }
  const at::Tensor column = wide(sinks).view({-1, 1, 1}).expand({scores.size(0), scores.size(1), 1});
  return at::softmax(at::cat({scores, column}, -1), -1).narrow(-1, 0, scores.size(2));
}

at::Tensor segment_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const AttentionParams& params, const at::Tensor& sinks) {
  at::Tensor scores = at::matmul(q, k.transpose(1, 2)) * params.scale;
  if (params.soft_cap > 0) { scores = at::tanh(scores / params.soft_cap) * params.soft_cap; }
  const std::int64_t queries = q.size(1), keys = k.size(1);
  const auto whole = q.options().dtype(at::kLong);
  const at::Tensor position = at::arange(keys - queries, keys, whole).unsqueeze(1);
  const at::Tensor key = at::arange(keys, whole).unsqueeze(0);
  at::Tensor hidden = key > position;
  if (params.window > 0) { hidden = hidden.logical_or(key <= position - params.window); }
  scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(softmax_with(sinks, scores), v);
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks) {
  const at::Tensor logits = sinks.trains() ? sinks.master.to(sinks.value.scalar_type()) : sinks.value;
  at::Tensor out = at::zeros_like(q, at::MemoryFormat::Contiguous);
  const std::int64_t heads = q.size(1);
  for (const Segment& segment : segments) {
    const std::int64_t count = segment.query_end - segment.query_begin;
    if (count == 0) { continue; }
    const at::Tensor rows = wide(q.narrow(0, segment.query_begin, count)).transpose(0, 1);
    const at::Tensor result =
        segment_attention(rows, gathered(k, segment, heads), gathered(v, segment, heads), params, logits);
    out = at::cat({out.narrow(0, 0, segment.query_begin), result.transpose(0, 1).to(q.scalar_type()),
                   out.narrow(0, segment.query_end, q.size(0) - segment.query_end)},
                  0);
  }
  return out;
}

}  // namespace una::kernels::reference
