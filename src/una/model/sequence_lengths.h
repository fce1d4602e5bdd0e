#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"

namespace una::model {

// The lengths of the sequences that one packed token belongs to: equal but for a shared prompt.
struct TokenLengths {
  std::vector<std::int64_t> least, most;  // [T], 0 for a token of no segment
};

// Of a packed batch: a segment's keys are rows of it.
TokenLengths packed_lengths(const std::vector<Segment>& segments, std::int64_t tokens);

// Over a cache, whose slots are the keys: a query's sequence ends with its segment.
std::vector<std::int64_t> cached_lengths(const std::vector<Segment>& segments, std::int64_t tokens);

// The batch with every sequence whole and on its own: log-probs, targets and last rows as before. For rope
// whose frequencies follow from a sequence's length, a prompt has no one representation to share.
// state_rows [R], rows of the batch, are changed to rows of the result (a shared row: of its first sequence).
PackedBatch unshare(const PackedBatch& batch, at::Tensor& state_rows);

}  // namespace una::model
