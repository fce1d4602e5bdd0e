#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"

namespace una::model {

// The lengths of the shortest and the longest sequence that a token is part of; they differ in shared
// prompts.
struct TokenLengths {
  std::vector<std::int64_t> least, most;  // [T], 0 for a token outside all segments
};

// For a packed batch, whose segments' keys are its own rows.
TokenLengths packed_lengths(const std::vector<Segment>& segments, std::int64_t tokens);

// For a cache, whose slots are the keys: the length of each query's sequence, which ends with its segment.
std::vector<std::int64_t> cached_lengths(const std::vector<Segment>& segments, std::int64_t tokens);

// The batch with every sequence complete and separate; log-probs, targets and last rows as before. Needed for
// rope whose frequencies depend on a sequence's length, because a prompt then has no single representation to
// share. state_rows [R], rows of the batch, become rows of the result (a shared row: that of its first
// sequence).
PackedBatch unshare(const PackedBatch& batch, at::Tensor& state_rows);

}  // namespace una::model
