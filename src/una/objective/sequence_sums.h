#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/objective/objective.h"

namespace una::objective {

// The index of the sequence that each of `total` log-probs belongs to: [total] int64 on the host; the number
// of sequences where it belongs to none. InternalError for overlaps and entries outside the batch.
std::vector<std::int64_t> token_owners(const std::vector<SequenceMeta>& sequences, std::int64_t total);

// Sums of `values` [N] over each sequence's entries: [S] fp64, differentiable. Entries are added one by one
// in fp64, because differences of a running sum would lose the precision of a small sum after a large one.
at::Tensor sequence_sums(const at::Tensor& values, const std::vector<SequenceMeta>& sequences);

// Log-probs of whole answers, [S] fp64.
struct LogRatios {
  at::Tensor policy;     // sum of log pi
  at::Tensor reference;  // sum of log pi_ref, no gradient; undefined without a reference
  at::Tensor delta;      // Delta = sum of (log pi - log pi_ref); without a reference: policy
};

// InternalError when the input lacks log-probs, or a reference although `needs_reference`.
LogRatios log_ratios(const ObjectiveInput& input, bool needs_reference);

}  // namespace una::objective
