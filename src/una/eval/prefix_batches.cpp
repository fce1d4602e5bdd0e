#include "una/eval/prefix_batches.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::eval {
namespace {

// The ids that the model reads: all but the last.
std::span<const std::int32_t> inputs(const ScoredIds& sequence) {
  return {sequence.ids.data(), sequence.ids.size() - 1};
}

std::size_t common_length(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  while (n < most && a[n] == b[n]) { ++n; }
  return n;
}

// Lays the tree of beginnings out: a node's tokens are contiguous and see those of the nodes above.
class TreeBuilder {
 public:
  explicit TreeBuilder(const std::vector<ScoredIds>& list) : list_(list) {}

  // `order`: members sorted by ids.
  PrefixBatch build(std::span<const std::size_t> order) {
    std::vector<KeyRange> path;
    add(order, 0, path);
    PackedBatch& batch = out_.batch;
    batch.tokens = at::tensor(tokens_, at::kLong);
    batch.positions = at::tensor(positions_, at::kLong);
    batch.logp_rows = at::tensor(rows_, at::kLong);
    batch.logp_targets = at::tensor(targets_, at::kLong);
    batch.last_rows = at::tensor(last_rows_, at::kLong);
    batch.rows.resize(batch.sequences.size());
    return std::move(out_);
  }

 private:
  // Sequences that agree in their first `depth` inputs, which `path` holds.
  void add(std::span<const std::size_t> order, std::size_t depth, std::vector<KeyRange>& path) {
    const std::span<const std::int32_t> first = inputs(list_[order.front()]);
    const std::size_t shared = common_length(first, inputs(list_[order.back()]));
    if (shared > depth) { add_node(first, depth, shared, path); }
    while (!order.empty() && inputs(list_[order.front()]).size() == shared) {
      add_sequence(order.front(), path);
      order = order.subspan(1);
    }
    while (!order.empty()) {
      const std::int32_t next = list_[order.front()].ids[shared];
      std::size_t size = 1;
      while (size < order.size() && list_[order[size]].ids[shared] == next) { ++size; }
      add(order.first(size), shared, path);
      order = order.subspan(size);
    }
    if (shared > depth) { path.pop_back(); }
  }

  void add_node(std::span<const std::int32_t> ids, std::size_t begin, std::size_t end,
                std::vector<KeyRange>& path) {
    const auto at = static_cast<std::int32_t>(tokens_.size());
    for (std::size_t i = begin; i < end; ++i) {
      tokens_.push_back(ids[i]);
      positions_.push_back(static_cast<std::int64_t>(i));
    }
    const auto behind = static_cast<std::int32_t>(tokens_.size());
    path.push_back({at, behind});
    out_.batch.segments.push_back({at, behind, path});
  }

  void add_sequence(std::size_t member, const std::vector<KeyRange>& path) {
    const ScoredIds& sequence = list_[member];
    std::vector<std::int64_t> row_of;  // of each input
    for (const KeyRange& range : path) {
      for (std::int32_t row = range.begin; row < range.end; ++row) { row_of.push_back(row); }
    }
    SequenceMeta meta;
    meta.row = std::ssize(out_.batch.sequences);
    meta.tokens = std::ssize(row_of);
    meta.logp_begin = std::ssize(rows_);
    for (std::size_t i = sequence.ids.size() - static_cast<std::size_t>(sequence.scored);
         i < sequence.ids.size(); ++i) {
      rows_.push_back(row_of[i - 1]);
      targets_.push_back(sequence.ids[i]);
    }
    meta.logp_end = std::ssize(rows_);
    last_rows_.push_back(row_of.back());
    out_.batch.sequences.push_back(meta);
    out_.members.push_back(member);
  }

  const std::vector<ScoredIds>& list_;
  PrefixBatch out_;
  std::vector<std::int64_t> tokens_, positions_, rows_, targets_, last_rows_;
};

}  // namespace

std::vector<PrefixBatch> pack_prefixes(const std::vector<ScoredIds>& list, std::int64_t token_budget) {
  for (const ScoredIds& sequence : list) {
    check(sequence.scored > 0 && sequence.scored < std::ssize(sequence.ids),
          "pack_prefixes: a sequence needs an id before its scored ones");
  }
  std::vector<std::size_t> order(list.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto x = inputs(list[a]), y = inputs(list[b]);
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
  });
  std::vector<PrefixBatch> batches;
  for (std::size_t begin = 0; begin < order.size();) {
    auto tokens = static_cast<std::int64_t>(inputs(list[order[begin]]).size());
    std::size_t end = begin + 1;
    for (; end < order.size(); ++end) {
      const auto own = inputs(list[order[end]]);
      tokens += std::ssize(own) - static_cast<std::int64_t>(common_length(inputs(list[order[end - 1]]), own));
      if (tokens > token_budget) { break; }
    }
    batches.push_back(TreeBuilder(list).build(std::span(order).subspan(begin, end - begin)));
    begin = end;
  }
  return batches;
}

std::vector<double> summed_logps(const PolicyUse& policy, const PackedBatch& batch) {
  const at::Tensor logps = token_logps(policy, batch).contiguous();
  const auto* values = logps.const_data_ptr<double>();
  std::vector<double> sums;
  for (const SequenceMeta& meta : batch.sequences) {
    sums.push_back(std::accumulate(values + meta.logp_begin, values + meta.logp_end, 0.0));
  }
  return sums;
}

}  // namespace una::eval
