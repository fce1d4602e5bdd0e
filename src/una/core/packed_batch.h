#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/sequence.h"

namespace una {

// Keys [begin, end): tokens of the packed batch, or slots of a cache.
struct KeyRange {
  std::int32_t begin = 0, end = 0;
};

// Queries [query_begin, query_end) see the keys of `keys`, in order. The last range ends at query_end and is
// causal: a query at position p sees every key with position <= p (and > p - window). Earlier ranges (a
// shared prompt, a cached prefix) have lower positions. One list serves packing, prompt sharing, prefill and
// decode. Example: a prompt of 4 tokens shared by answers of 3 and 2 is {0, 4, {{0, 4}}}, {4, 7, {{0, 4}, {4,
// 7}}} and {7, 9, {{0, 4}, {7, 9}}}.
struct Segment {
  std::int32_t query_begin = 0, query_end = 0;
  std::vector<KeyRange> keys;
};

// The facts about one sequence of a batch that an objective can use.
struct SequenceMeta {
  std::int64_t row = 0;   // index into PackedBatch::rows
  std::int32_t slot = 0;  // position in its row: 0 chosen, 1 rejected; 0..k-1 in a group
  Unit unit = Unit::kSft;
  std::int32_t source = 0;
  std::uint64_t group_id = 0;
  double target = 0, raw_score = 0, weight = 1, margin = 0;
  double answer_weight = 1;  // Sequence::answer_weight; `weight` is that of the row
  bool has_margin = false;
  Sampler sampler = Sampler::kUnknown;
  RefRewards ref_rewards;
  std::int64_t logp_begin = 0, logp_end = 0;  // its range of the wanted log-probs
  std::int64_t tokens = 0;                    // its own length, prompt included

  std::int64_t loss_tokens() const { return logp_end - logp_begin; }
};

// Sequences concatenated without padding, on the CPU. T tokens, S sequences, N wanted log-probs.
struct PackedBatch {
  at::Tensor tokens;     // [T] int64
  at::Tensor positions;  // [T] int64, position in the sequence (a shared prompt is stored once)
  std::vector<Segment> segments;
  at::Tensor logp_rows;                 // [N] int64: the packed token whose hidden state predicts the target
  at::Tensor logp_targets;              // [N] int64: the predicted token; a sequence's entries are contiguous
  at::Tensor last_rows;                 // [S] int64: packed row of each sequence's last token (reward head)
  std::vector<SequenceMeta> sequences;  // [S], a row's sequences adjacent, slot order
  std::vector<Where> rows;              // for messages only
  std::map<std::string, at::Tensor> columns;  // "ref_logp": [N] or [S] fp32, ...

  std::int64_t num_tokens() const;  // T, after sharing
  std::int64_t num_sequences() const { return static_cast<std::int64_t>(sequences.size()); }
  std::int64_t num_logps() const;        // N
  std::int64_t unshared_tokens() const;  // the prompt counted once per response: reported as real tokens
};

}  // namespace una
