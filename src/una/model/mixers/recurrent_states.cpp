#include "una/model/mixers/recurrent_states.h"

#include <algorithm>
#include <unordered_set>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"

namespace una::model {
namespace {

constexpr std::int64_t kFirstRows = 4;

std::vector<std::int64_t> values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.cpu().contiguous();
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

}  // namespace

RecurrentStates::RecurrentStates(const ModelSpec& spec, at::ScalarType dtype, at::Device device)
    : kernel_(spec.conv_kernel), rows_(kFirstRows) {
  const DeltaRuleSpec& rule = spec.delta_rule;
  const auto computing = at::TensorOptions(dtype == at::kDouble ? at::kDouble : at::kFloat).device(device);
  const std::int64_t channels =
      2 * rule.num_key_heads * rule.key_head_dim + rule.num_value_heads * rule.value_head_dim;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    recurrent_.emplace_back(), tails_.emplace_back();
    if (spec.mixer(layer) != Mixer::kGatedDeltaRule) { continue; }
    recurrent_.back() =
        at::zeros({rows_, rule.num_value_heads, rule.key_head_dim, rule.value_head_dim}, computing);
    tails_.back() = at::zeros({rows_, kernel_ - 1, channels}, computing.dtype(dtype));
  }
  for (std::int64_t row = rows_; row-- > 1;) { free_.push_back(row); }
}

void RecurrentStates::grow() {
  for (auto* states : {&recurrent_, &tails_}) {
    for (at::Tensor& each : *states) {
      if (!each.defined()) { continue; }
      std::vector<std::int64_t> sizes = each.sizes().vec();
      sizes[0] = 2 * rows_;
      const at::Tensor larger = at::empty(sizes, each.options());
      larger.narrow(0, 0, rows_).copy_(each);
      each = larger;
    }
  }
  for (std::int64_t row = 2 * rows_; row-- > rows_;) { free_.push_back(row); }
  rows_ *= 2;
}

std::int64_t RecurrentStates::take_row() {
  if (free_.empty()) { grow(); }
  const std::int64_t row = free_.back();
  free_.pop_back();
  return row;
}

std::vector<RecurrentStates::Ends> RecurrentStates::ends_of(const std::vector<Segment>& segments,
                                                            const std::vector<std::int64_t>& slots) {
  const std::unordered_set<std::int64_t> written(slots.begin(), slots.end());
  std::unordered_map<std::int64_t, std::int64_t> readers;  // of the states behind slots
  std::vector<std::int64_t> before;
  std::vector<Ends> out;
  for (const Segment& segment : segments) {
    const std::int64_t slot = kernels::key_before(segment);
    before.push_back(slot);
    out.emplace_back();
    if (slot < 0) { continue; }
    const auto found = by_slot_.find(slot);
    check(found != by_slot_.end() && written.count(slot) == 0,
          "RecurrentStates: no earlier call left a state behind the token that a segment goes on from");
    out.back().from = found->second;
    ++readers[slot];
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool own = before[i] >= segments[i].keys.back().begin && before[i] < segments[i].keys.back().end;
    if (before[i] < 0 || !own || readers[before[i]] > 1) { continue; }
    out[i].to = out[i].from;
    by_slot_.erase(before[i]);
  }
  for (const std::int64_t slot : slots) {
    const auto stale = by_slot_.find(slot);
    if (stale == by_slot_.end()) { continue; }
    free_.push_back(stale->second);
    by_slot_.erase(stale);
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (out[i].to == 0) { out[i].to = take_row(); }
    by_slot_[slots[static_cast<std::size_t>(segments[i].query_end) - 1]] = out[i].to;
  }
  return out;
}

std::shared_ptr<const RecurrentStates::Step> RecurrentStates::step(const std::vector<Segment>& segments,
                                                                   const at::Tensor& slots) {
  for (const Segment& segment : segments) {
    check(segment.query_begin >= 0 && segment.query_begin < segment.query_end &&
              segment.query_end <= slots.numel() && !segment.keys.empty(),
          "RecurrentStates: a segment does not fit the tokens");
  }
  const std::vector<Ends> ends = ends_of(segments, values_of(slots));
  const std::int64_t tail = kernel_ - 1, count = std::ssize(segments);
  auto out = std::make_shared<Step>();
  out->plan.states = rows_;
  out->taps = at::full({slots.numel(), kernel_}, -1, at::kLong);
  auto* taps = out->taps.mutable_data_ptr<std::int64_t>();
  std::vector<std::int64_t> from, to, last;
  for (std::int64_t i = 0; i < count; ++i) {
    const Segment& segment = segments[static_cast<std::size_t>(i)];
    const Ends& each = ends[static_cast<std::size_t>(i)];
    from.push_back(each.from), to.push_back(each.to);
    out->plan.trees.push_back(i);
    out->plan.runs.push_back({segment.query_begin, segment.query_end, each.from, each.to});
    // A row of the sequence, counted from the segment's first token.
    const auto row_at = [&](std::int64_t place) {
      return place < 0 ? i * tail + tail + place : count * tail + segment.query_begin + place;
    };
    const std::int64_t tokens = segment.query_end - segment.query_begin;
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t j = 0; j < kernel_; ++j) {
        taps[(segment.query_begin + t) * kernel_ + j] = row_at(t - tail + j);
      }
    }
    for (std::int64_t j = 0; j < tail; ++j) { last.push_back(row_at(tokens - tail + j)); }
  }
  out->from = at::tensor(from, at::kLong), out->to = at::tensor(to, at::kLong);
  out->last = at::tensor(last, at::kLong);
  return out;
}

void RecurrentStates::keep(const std::vector<KeyRange>& ranges) {
  for (auto at = by_slot_.begin(); at != by_slot_.end();) {
    const bool kept = std::any_of(ranges.begin(), ranges.end(), [&](const KeyRange& range) {
      return at->first >= range.begin && at->first < range.end;
    });
    if (!kept) { free_.push_back(at->second); }
    at = kept ? std::next(at) : by_slot_.erase(at);
  }
}

}  // namespace una::model
