#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/core/packed_batch.h"

namespace una {

// One optimiser step: a fixed set of rows drawn by the seeded permutation, cut into micro-batches by a token
// budget only (decisions 25). `kl` holds the mismatched prompt-answer sequences of KTO's baseline, when they
// were asked for.
struct StepBatch {
  std::vector<PackedBatch> micro_batches;
  std::vector<PackedBatch> kl;
  std::vector<PackedBatch> offline;  // rows of files beside own samples, for a loss of their own
  std::int64_t rows = 0;
  std::int64_t tokens = 0;  // real tokens: the prompt counted once per response
  MetricSums metrics;       // what the source of the batch has to say about it (rewards, lengths, ...)
};

// A step whose gradient is known is applied, left out, or left out together with what is left of its round of
// samples.
enum class StepVerdict : std::uint8_t { kApply, kSkip, kEndRound };

// Where a run is. `row` is a raw index in the permutation of epoch `epoch`.
struct RunPosition {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t row = 0;
};

}  // namespace una
