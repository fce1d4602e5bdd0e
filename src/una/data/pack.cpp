#include "una/data/pack.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/ops/empty.h>

#include "una/base/error.h"

namespace una::data {
namespace {

// How a row is laid out in a batch: the first `shared` tokens of all its sequences come once, in front.
struct Layout {
  const Row* row = nullptr;
  std::int64_t shared = 0;
  std::int64_t tokens = 0;  // after sharing
};

std::int64_t common_length(const Sequence& a, const Sequence& b) {
  const auto end = std::mismatch(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end()).first;
  return end - a.ids.begin();
}

// Never beyond a sequence's prompt, and never a whole sequence: each keeps at least one token of its own.
std::int64_t shared_length(const Row& row) {
  const Sequence& first = row.sequences[0];
  std::int64_t shared = std::ssize(first.ids) - 1;
  for (const Sequence& sequence : row.sequences) {
    shared = std::min(
        {shared, common_length(first, sequence), sequence.prompt_tokens(), std::ssize(sequence.ids) - 1});
  }
  return std::max<std::int64_t>(shared, 0);
}

Layout layout_of(const Row& row, const PackOptions& options) {
  Layout layout{&row, 0, row.tokens()};
  const std::int64_t copies = std::ssize(row.sequences) - 1;
  if (!options.prefix_sharing || copies < 1) { return layout; }
  const std::int64_t shared = shared_length(row);
  if (shared < std::max<std::int64_t>(options.min_shared, 1)) { return layout; }
  layout.shared = shared;
  layout.tokens -= shared * copies;
  return layout;
}

template <class T>
at::Tensor to_tensor(const std::vector<T>& values, at::ScalarType type) {
  at::Tensor out = at::empty({std::ssize(values)}, type);
  std::copy(values.begin(), values.end(), static_cast<T*>(out.data_ptr()));
  return out;
}

SequenceMeta meta_of(const Row& row, std::size_t slot) {
  const Sequence& sequence = row.sequences[slot];
  SequenceMeta meta;
  meta.slot = static_cast<std::int32_t>(slot);
  meta.unit = row.unit;
  meta.source = row.source;
  meta.group_id = row.group_id;
  meta.target = sequence.target;
  meta.raw_score = sequence.raw_score;
  meta.answer_weight = sequence.answer_weight;
  meta.weight = row.weight;
  meta.margin = row.margin;
  meta.has_margin = row.has_margin;
  meta.sampler = sequence.sampler;
  meta.ref_rewards = sequence.ref_rewards;
  meta.tokens = std::ssize(sequence.ids);
  return meta;
}

class BatchBuilder {
 public:
  explicit BatchBuilder(std::int64_t tokens) {
    tokens_.reserve(static_cast<std::size_t>(tokens));
    positions_.reserve(static_cast<std::size_t>(tokens));
  }

  void add(const Layout& layout) {
    const Row& row = *layout.row;
    const std::int32_t prefix = here();
    if (layout.shared > 0) {
      append(row.sequences[0], 0, layout.shared);
      batch_.segments.push_back({prefix, here(), {{prefix, here()}}});
    }
    for (std::size_t slot = 0; slot < row.sequences.size(); ++slot) {
      add_sequence(row, slot, layout.shared, prefix);
    }
    batch_.rows.push_back(row.where);
  }

  PackedBatch finish() {
    batch_.tokens = to_tensor(tokens_, at::kLong);
    batch_.positions = to_tensor(positions_, at::kLong);
    batch_.logp_rows = to_tensor(logp_rows_, at::kLong);
    batch_.logp_targets = to_tensor(logp_targets_, at::kLong);
    batch_.last_rows = to_tensor(last_rows_, at::kLong);
    for (const auto& [name, values] : columns_) { add_column(name, values); }
    return std::move(batch_);
  }

 private:
  std::int32_t here() const { return static_cast<std::int32_t>(tokens_.size()); }

  void append(const Sequence& sequence, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      tokens_.push_back(sequence.ids[static_cast<std::size_t>(i)]);
      positions_.push_back(i);
    }
  }

  void add_sequence(const Row& row, std::size_t slot, std::int64_t shared, std::int32_t prefix) {
    const Sequence& sequence = row.sequences[slot];
    sequence.check();
    const std::int32_t begin = here();
    append(sequence, shared, std::ssize(sequence.ids));
    Segment segment{begin, here(), {}};
    if (shared > 0) { segment.keys.push_back({prefix, prefix + static_cast<std::int32_t>(shared)}); }
    segment.keys.push_back({begin, here()});
    batch_.segments.push_back(std::move(segment));
    SequenceMeta meta = meta_of(row, slot);
    meta.row = std::ssize(batch_.rows);
    meta.logp_begin = std::ssize(logp_rows_);
    // The token before the first own one is the shared prompt's last: every answer gathers it.
    const auto packed = [&](std::int64_t i) { return i < shared ? prefix + i : begin + i - shared; };
    for (std::int64_t i = 1; i < std::ssize(sequence.ids); ++i) {
      if (sequence.loss_mask[static_cast<std::size_t>(i)] == 0) { continue; }
      logp_rows_.push_back(packed(i - 1));
      logp_targets_.push_back(sequence.ids[static_cast<std::size_t>(i)]);
    }
    meta.logp_end = std::ssize(logp_rows_);
    last_rows_.push_back(here() - 1);
    batch_.sequences.push_back(meta);
    for (const auto& [name, values] : sequence.columns) { columns_[name].push_back(&values); }
  }

  // One value a loss token gives [N], one value a sequence gives [S].
  void add_column(const std::string& name, const std::vector<const std::vector<float>*>& values) {
    check(values.size() == batch_.sequences.size(),
          "pack_rows: a column is missing in some sequences of a batch");
    std::vector<float> flat;
    bool by_token = true, by_sequence = true;
    for (std::size_t i = 0; i < values.size(); ++i) {
      by_token = by_token && std::ssize(*values[i]) == batch_.sequences[i].loss_tokens();
      by_sequence = by_sequence && values[i]->size() == 1;
      flat.insert(flat.end(), values[i]->begin(), values[i]->end());
    }
    check(by_token || by_sequence, "pack_rows: a column needs one value a sequence or one a loss token");
    batch_.columns[name] = to_tensor(flat, at::kFloat);
  }

  PackedBatch batch_;
  std::vector<std::int64_t> tokens_, positions_, logp_rows_, logp_targets_, last_rows_;
  std::map<std::string, std::vector<const std::vector<float>*>> columns_;
};

// First fit over rows from long to short: few batches, and the same ones for the same rows in any order.
std::vector<std::vector<Layout>> cut(std::vector<Layout> layouts, std::int64_t budget) {
  std::stable_sort(layouts.begin(), layouts.end(), [](const Layout& a, const Layout& b) {
    return a.tokens != b.tokens ? a.tokens > b.tokens : a.row->index < b.row->index;
  });
  std::vector<std::vector<Layout>> bins;
  std::vector<std::int64_t> room;
  for (const Layout& layout : layouts) {
    const auto fits = [&](std::int64_t free) { return layout.tokens <= free; };
    const auto found = std::find_if(room.begin(), room.end(), fits);
    const auto number = static_cast<std::size_t>(found - room.begin());
    if (found == room.end()) {
      bins.emplace_back();
      room.push_back(budget);
    }
    bins[number].push_back(layout);
    room[number] -= layout.tokens;
  }
  return bins;
}

}  // namespace

std::vector<SequenceMeta> table_of(const Row& row) {
  std::vector<SequenceMeta> table;
  std::int64_t logps = 0;
  for (std::size_t slot = 0; slot < row.sequences.size(); ++slot) {
    table.push_back(meta_of(row, slot));
    table.back().logp_begin = logps;
    table.back().logp_end = logps += row.sequences[slot].loss_tokens();
  }
  return table;
}

std::vector<PackedBatch> pack_rows(const std::vector<Row>& rows, const PackOptions& options) {
  std::vector<Layout> layouts;
  layouts.reserve(rows.size());
  for (const Row& row : rows) {
    check(!row.sequences.empty(), "pack_rows: a row without sequences");
    layouts.push_back(layout_of(row, options));
  }
  std::vector<PackedBatch> batches;
  for (const std::vector<Layout>& bin : cut(std::move(layouts), options.token_budget)) {
    const std::int64_t tokens =
        std::accumulate(bin.begin(), bin.end(), std::int64_t{0},
                        [](std::int64_t sum, const Layout& l) { return sum + l.tokens; });
    check(tokens <= INT32_MAX, "pack_rows: a batch of more than 2^31 tokens");
    BatchBuilder builder(tokens);
    for (const Layout& layout : bin) { builder.add(layout); }
    batches.push_back(builder.finish());
  }
  return batches;
}

}  // namespace una::data
