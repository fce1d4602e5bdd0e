#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/eval/log_ratio.h"

// Log-probs of many continuations whose contexts begin alike: the few-shot text of a task, the question before its
// choices. Equal beginnings are computed once per batch, wherever they end.
namespace una::eval {

// A context with what follows it, as ids; the log-probs of the last `scored` ids are wanted. At least one id comes
// before them.
struct ScoredIds {
  std::vector<std::int32_t> ids;
  std::int64_t scored = 0;
};

// Sequences of a batch in the order of their ids, not of the list.
struct PrefixBatch {
  PackedBatch batch;
  std::vector<std::size_t> members;  // batch.sequences[i] is list[members[i]]
};

// Every token that two sequences of a batch share as their beginning is in it once. The last id of a sequence is
// only predicted, never computed. A batch holds at most `token_budget` tokens, unless one sequence alone is longer.
std::vector<PrefixBatch> pack_prefixes(const std::vector<ScoredIds>& list, std::int64_t token_budget);

// Sum of the scored ids' log-probs, in nats, per sequence of the batch.
std::vector<double> summed_logps(const PolicyUse& policy, const PackedBatch& batch);

}  // namespace una::eval
