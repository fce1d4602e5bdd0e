#include "una/model/sequence_lengths.h"

#include <algorithm>

#include <ATen/ops/index_select.h>
#include <ATen/ops/min.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::model {
namespace {

std::int64_t total_keys(const Segment& segment) {
  std::int64_t total = 0;
  for (const KeyRange& range : segment.keys) { total += range.end - range.begin; }
  return total;
}

// Whether all of `segment`'s queries are an earlier part of another segment.
bool is_prefix(const Segment& segment, const std::vector<Segment>& segments) {
  for (const Segment& other : segments) {
    if (&other == &segment) { continue; }
    for (const KeyRange& range : other.keys) {
      if (range.begin <= segment.query_begin && segment.query_end <= range.end &&
          other.query_begin >= segment.query_end) {
        return true;
      }
    }
  }
  return false;
}

std::vector<std::int64_t> values_of(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.contiguous();
  const auto* data = whole.const_data_ptr<std::int64_t>();
  return {data, data + whole.numel()};
}

// The batch's rows of the sequence that ends with segment `last`, in order.
std::vector<std::int64_t> sequence_rows(const std::vector<Segment>& segments, std::int64_t last) {
  std::vector<std::int64_t> out;
  for (const Segment& segment : segments) {
    if (last < segment.query_begin || last >= segment.query_end) { continue; }
    for (const KeyRange& range : segment.keys) {
      for (std::int64_t row = range.begin; row < range.end; ++row) { out.push_back(row); }
    }
    out.resize(out.size() - static_cast<std::size_t>(segment.query_end - 1 - last));
    return out;
  }
  throw InternalError("a sequence's last row is in no segment");
}

// Builds the batch without shared prompts.
struct Unshared {
  std::vector<std::int64_t> rows, positions, logp_rows, last_rows;
  std::vector<Segment> segments;
  std::vector<std::int64_t> first_place;  // [T] of the batch: the row's first index here, -1: none

  void add(const std::vector<std::int64_t>& sequence) {
    const auto begin = static_cast<std::int64_t>(rows.size());
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      std::int64_t& place = first_place[static_cast<std::size_t>(sequence[i])];
      if (place < 0) { place = begin + static_cast<std::int64_t>(i); }
      rows.push_back(sequence[i]);
      positions.push_back(static_cast<std::int64_t>(i));
    }
    const auto from = static_cast<std::int32_t>(begin), to = static_cast<std::int32_t>(rows.size());
    segments.push_back({from, to, {{from, to}}});
    last_rows.push_back(to - 1);
  }
};

}  // namespace

TokenLengths packed_lengths(const std::vector<Segment>& segments, std::int64_t tokens) {
  const auto count = static_cast<std::size_t>(tokens);
  TokenLengths out{std::vector<std::int64_t>(count, 0), std::vector<std::int64_t>(count, 0)};
  for (const Segment& segment : segments) {
    if (segment.query_begin == segment.query_end || is_prefix(segment, segments)) { continue; }
    const std::int64_t length = total_keys(segment);
    for (const KeyRange& range : segment.keys) {
      for (auto row = static_cast<std::size_t>(range.begin); row < static_cast<std::size_t>(range.end);
           ++row) {
        out.least[row] = out.least[row] == 0 ? length : std::min(out.least[row], length);
        out.most[row] = std::max(out.most[row], length);
      }
    }
  }
  return out;
}

std::vector<std::int64_t> cached_lengths(const std::vector<Segment>& segments, std::int64_t tokens) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(tokens), 0);
  for (const Segment& segment : segments) {
    std::fill(out.begin() + segment.query_begin, out.begin() + segment.query_end, total_keys(segment));
  }
  return out;
}

PackedBatch unshare(const PackedBatch& batch, at::Tensor& state_rows) {
  check(batch.sequences.size() == static_cast<std::size_t>(batch.last_rows.numel()),
        "unshare: every sequence needs its last row");
  Unshared out;
  out.first_place.assign(static_cast<std::size_t>(batch.tokens.numel()), -1);
  const std::vector<std::int64_t> last = values_of(batch.last_rows), wanted = values_of(batch.logp_rows);
  out.logp_rows.resize(wanted.size());
  for (std::size_t i = 0; i < last.size(); ++i) {
    const std::vector<std::int64_t> sequence = sequence_rows(batch.segments, last[i]);
    const auto begin = static_cast<std::int64_t>(out.rows.size());
    for (auto n = static_cast<std::size_t>(batch.sequences[i].logp_begin);
         n < static_cast<std::size_t>(batch.sequences[i].logp_end); ++n) {
      const auto found = std::find(sequence.begin(), sequence.end(), wanted[n]);
      check(found != sequence.end(), "unshare: a wanted log-prob is of another sequence");
      out.logp_rows[n] = begin + (found - sequence.begin());
    }
    out.add(sequence);
  }
  if (state_rows.defined()) {
    state_rows = at::tensor(out.first_place, at::kLong).index_select(0, state_rows);
    check(state_rows.numel() == 0 || state_rows.min().item<std::int64_t>() >= 0,
          "unshare: a wanted state is of no sequence");
  }
  PackedBatch whole = batch;
  whole.tokens = batch.tokens.index_select(0, at::tensor(out.rows, at::kLong));
  whole.positions = at::tensor(out.positions, at::kLong);
  whole.segments = std::move(out.segments);
  whole.logp_rows = at::tensor(out.logp_rows, at::kLong);
  whole.last_rows = at::tensor(out.last_rows, at::kLong);
  return whole;
}

}  // namespace una::model
