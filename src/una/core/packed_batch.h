#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/sequence.h"

namespace una {

struct KeyRange {
  std::int32_t begin = 0, end = 0;  // tokens of the packed batch (or slots of a cache)
};

// Queries [query_begin, query_end) see the keys of `keys` in order. The last range ends at query_end and is
// causal for its own part: a query at position p sees every key with position <= p (and > p - window).
// Earlier ranges (a shared prompt, a cached prefix) precede it in position. One list serves packing, prompt
// sharing, prefill and decode.
struct Segment {
  std::int32_t query_begin = 0, query_end = 0;
  std::vector<KeyRange> keys;
};

// What an objective may know of one sequence of a batch.
struct SequenceMeta {
  std::int64_t row = 0;   // index into PackedBatch::rows
  std::int32_t slot = 0;  // position in its row: 0 chosen, 1 rejected; 0..k-1 in a group
  Unit unit = Unit::kSft;
  std::int32_t source = 0;
  std::uint64_t group_id = 0;
  double target = 0, raw_score = 0, weight = 1, margin = 0;
  double answer_weight = 1;  // Sequence::answer_weight; `weight` is the row's
  bool has_margin = false;
  Sampler sampler = Sampler::kUnknown;
  RefRewards ref_rewards;
  std::int64_t logp_begin = 0, logp_end = 0;  // its part of the wanted log-probs
  std::int64_t tokens = 0;                    // its own length, prompt included

  std::int64_t loss_tokens() const { return logp_end - logp_begin; }
};

// Sequences laid end to end without padding. T tokens, S sequences, N wanted log-probs.
struct PackedBatch {
  at::Tensor tokens;     // [T] int64
  at::Tensor positions;  // [T] int64, position in the sequence (a shared prompt counts once for all)
  std::vector<Segment> segments;
  at::Tensor logp_rows;                 // [N] int64: the packed token whose hidden state predicts
  at::Tensor logp_targets;              // [N] int64: the token predicted; a sequence's entries are contiguous
  at::Tensor last_rows;                 // [S] int64: packed row of each sequence's last token (reward head)
  std::vector<SequenceMeta> sequences;  // [S], a row's sequences adjacent, slot order
  std::vector<Where> rows;              // for messages only
  std::map<std::string, at::Tensor> columns;  // "ref_logp": [N] or [S] fp32, ...

  std::int64_t num_tokens() const;  // T, after sharing
  std::int64_t num_sequences() const { return static_cast<std::int64_t>(sequences.size()); }
  std::int64_t num_logps() const;        // N
  std::int64_t unshared_tokens() const;  // what the rows hold: the number to report as real tokens
};

}  // namespace una
