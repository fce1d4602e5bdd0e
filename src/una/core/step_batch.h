#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/core/packed_batch.h"

namespace una {

// One optimiser step: a fixed set of rows drawn by the seeded permutation. Only the token budget decides how
// it is cut into micro-batches, so the budget does not change the result. `kl` holds the mismatched
// prompt-answer sequences of KTO's baseline, if the objective needs them.
struct StepBatch {
  std::vector<PackedBatch> micro_batches;
  std::vector<PackedBatch> kl;
  std::vector<PackedBatch> offline;  // rows of files mixed into own samples, for a loss of their own
  std::int64_t rows = 0;
  std::int64_t tokens = 0;  // real tokens: the prompt counted once per response
  MetricSums metrics;       // from the source of the batch (rewards, lengths, ...)
};

// What to do with a step whose gradient is known: apply it, skip it, or skip it together with the rest of its
// round of samples.
enum class StepVerdict : std::uint8_t { kApply, kSkip, kEndRound };

// A run's position. `row` is a raw index into the permutation of epoch `epoch`.
struct RunPosition {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t row = 0;
};

}  // namespace una
