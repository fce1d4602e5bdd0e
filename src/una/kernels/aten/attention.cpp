#include "una/kernels/attention.h"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/reference.h"

namespace una::kernels::aten {
namespace {

// Segments as device tensors. Sequence i has queries [cu_q[i], cu_q[i + 1]), and its keys likewise.
struct Layout {
  at::Tensor cu_q, cu_k;  // [S + 1] int32
  at::Tensor queries;     // [T'] rows of q in the segments' order; undefined: all, in order
  at::Tensor keys;        // [K'] rows of k likewise
  std::int64_t most_queries = 0, most_keys = 0;
};

// Segments of one query each, keys padded to the longest.
struct Decoding {
  at::Tensor queries, keys;  // [S] rows of q; [S x most] rows of k
  at::Tensor lengths;        // [S, 1, 1, 1] keys of each
  std::int64_t most = 0;
};

bool same(const KeyRange& a, const KeyRange& b) { return a.begin == b.begin && a.end == b.end; }

bool same(const Segment& a, const Segment& b) {
  return a.query_begin == b.query_begin && a.query_end == b.query_end &&
         std::equal(a.keys.begin(), a.keys.end(), b.keys.begin(), b.keys.end(),
                    [](const KeyRange& x, const KeyRange& y) { return same(x, y); });
}

std::int64_t key_count(const Segment& segment) {
  std::int64_t total = 0;
  for (const KeyRange& range : segment.keys) { total += range.end - range.begin; }
  return total;
}

void append(std::vector<std::int64_t>& rows, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) { rows.push_back(i); }
}

// Rows as an index on the device; undefined when they are all `count` rows in order.
at::Tensor index_of(const std::vector<std::int64_t>& rows, std::int64_t count, at::Device device) {
  bool all = static_cast<std::int64_t>(rows.size()) == count;
  for (std::size_t i = 0; all && i < rows.size(); ++i) { all = rows[i] == static_cast<std::int64_t>(i); }
  return all ? at::Tensor() : at::tensor(rows, at::kLong).to(device);
}

Layout make_layout(const std::vector<Segment>& segments, const at::Tensor& q, const at::Tensor& k) {
  Layout out;
  std::vector<std::int64_t> query_rows, key_rows;
  std::vector<std::int32_t> cu_q{0}, cu_k{0};
  for (const Segment& segment : segments) {
    append(query_rows, segment.query_begin, segment.query_end);
    for (const KeyRange& range : segment.keys) { append(key_rows, range.begin, range.end); }
    cu_q.push_back(static_cast<std::int32_t>(query_rows.size()));
    cu_k.push_back(static_cast<std::int32_t>(key_rows.size()));
    out.most_queries = std::max<std::int64_t>(out.most_queries, segment.query_end - segment.query_begin);
    out.most_keys = std::max(out.most_keys, key_count(segment));
  }
  out.cu_q = at::tensor(cu_q, at::kInt).to(q.device());
  out.cu_k = at::tensor(cu_k, at::kInt).to(q.device());
  out.queries = index_of(query_rows, q.size(0), q.device());
  out.keys = index_of(key_rows, k.size(0), q.device());
  return out;
}

Decoding make_decoding(const std::vector<Segment>& segments, const at::Tensor& q, const at::Tensor& /*k*/) {
  Decoding out;
  for (const Segment& segment : segments) { out.most = std::max(out.most, key_count(segment)); }
  std::vector<std::int64_t> rows, lengths, queries;
  for (const Segment& segment : segments) {
    const std::size_t begin = rows.size();
    for (const KeyRange& range : segment.keys) { append(rows, range.begin, range.end); }
    lengths.push_back(static_cast<std::int64_t>(rows.size() - begin));
    rows.resize(begin + static_cast<std::size_t>(out.most), 0);
    queries.push_back(segment.query_begin);
  }
  out.keys = at::tensor(rows, at::kLong).to(q.device());
  out.queries = at::tensor(queries, at::kLong).to(q.device());
  out.lengths = at::tensor(lengths, at::kLong).to(q.device()).view({-1, 1, 1, 1});
  return out;
}

// All layers of a pass need the same tensors, so the most recent ones are cached instead of being made and
// copied per layer.
template <class Made>
const Made& made_once(const std::vector<Segment>& segments, const at::Tensor& q, const at::Tensor& k,
                      Made (*make)(const std::vector<Segment>&, const at::Tensor&, const at::Tensor&)) {
  // The most recent segments with their tensors.
  struct Newest {
    std::vector<Segment> segments;
    std::int64_t queries = -1, keys = -1;
    at::Device device = at::kCPU;
    Made made;
  };
  thread_local Newest newest;
  const bool hit = newest.queries == q.size(0) && newest.keys == k.size(0) && newest.device == q.device() &&
                   std::equal(newest.segments.begin(), newest.segments.end(), segments.begin(),
                              segments.end(), [](const Segment& a, const Segment& b) { return same(a, b); });
  if (!hit) { newest = {segments, q.size(0), k.size(0), q.device(), make(segments, q, k)}; }
  return newest.made;
}

at::Tensor rows_of(const at::Tensor& tensor, const at::Tensor& index) {
  return index.defined() ? at::index_select(tensor, 0, index) : tensor;
}

// Puts rows from the segments' order back into q's; rows outside all segments become 0.
at::Tensor put_back(const at::Tensor& rows, const at::Tensor& index, const at::Tensor& q) {
  return index.defined() ? at::zeros(q.sizes(), q.options()).index_copy(0, index, rows) : rows;
}

bool flash_takes(const at::Tensor& q, const AttentionParams& params, const Weight& sinks) {
  return !sinks.defined() && q.scalar_type() == at::kBFloat16 && params.soft_cap == 0 && q.size(2) % 8 == 0 &&
         q.size(2) <= 256;
}

at::Tensor flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Layout& layout,
                 const AttentionParams& params) {
  // This window counts the keys before a query's own; the causal diagonal ends at the bottom right.
  const std::int64_t left = params.window > 0 ? params.window - 1 : -1;
  const at::Tensor out = std::get<0>(at::_flash_attention_forward(
      rows_of(q, layout.queries), rows_of(k, layout.keys), rows_of(v, layout.keys), layout.cu_q, layout.cu_k,
      layout.most_queries, layout.most_keys, 0.0, /*is_causal=*/true, /*return_debug_mask=*/false,
      params.scale, left, std::int64_t{-1}));
  return put_back(out, layout.queries, q);
}

bool is_decoding(const std::vector<Segment>& segments) {
  return std::all_of(segments.begin(), segments.end(),
                     [](const Segment& s) { return s.query_end == s.query_begin + 1; });
}

// All segments in one product. [S, H, D].
at::Tensor decode(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Decoding& layout,
                  const AttentionParams& params, const Weight& sinks) {
  const std::int64_t batch = layout.queries.size(0), most = layout.most;
  const std::int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads, dim = q.size(2);
  const auto padded = [&](const at::Tensor& from) {  // [S, K, most, D]
    return at::index_select(from, 0, layout.keys).view({batch, most, kv_heads, dim}).transpose(1, 2);
  };
  const at::Tensor asked = at::index_select(q, 0, layout.queries).view({batch, kv_heads, group, dim});
  at::Tensor scores = at::matmul(asked, padded(k).transpose(2, 3)).to(at::kFloat) * params.scale;
  if (params.soft_cap > 0) { scores = at::tanh(scores / params.soft_cap) * params.soft_cap; }
  const at::Tensor place = at::arange(most, layout.keys.options()).view({1, 1, 1, most});
  at::Tensor hidden = place >= layout.lengths;
  if (params.window > 0) { hidden = hidden.logical_or(place < layout.lengths - params.window); }
  scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  if (sinks.defined()) {  // one more column, which reads no value
    const at::Tensor column = sinks.value.to(at::kFloat).view({1, kv_heads, group, 1});
    scores = at::cat({scores, column.expand({batch, kv_heads, group, 1})}, -1);
  }
  const at::Tensor weights = at::softmax(scores, -1).narrow(-1, 0, most);
  const at::Tensor mixed = at::matmul(weights.to(q.scalar_type()), padded(v));
  return put_back(mixed.reshape({batch, q.size(1), dim}), layout.queries, q);
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::vector<Segment>& segments, const AttentionParams& params,
                     const Weight& sinks) {
  const bool record = detail::records({q, k, v, sinks.master});
  if (!record && !segments.empty() && is_decoding(segments)) {
    return decode(q, k, v, made_once(segments, q, k, make_decoding), params, sinks);
  }
  if (flash_takes(q, params, sinks)) {
    return flash(q, k, v, made_once(segments, q, k, make_layout), params);
  }
  detail::variable_list inputs = {q, k, v};
  if (sinks.trains()) { inputs.push_back(sinks.master); }
  return recomputed(
      [segments, params, logits = sinks.value](const detail::variable_list& in) {
        return reference::attention(in[0], in[1], in[2], segments, params,
                                    {logits, in.size() > 3 ? in[3] : at::Tensor()});
      },
      inputs);
}

}  // namespace una::kernels::aten
