#include "una/objective/sequence_sums.h"

#include <algorithm>

#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

std::vector<std::int64_t> token_owners(const std::vector<SequenceMeta>& sequences, std::int64_t total) {
  const auto count = static_cast<std::int64_t>(sequences.size());
  std::vector<std::int64_t> owner(static_cast<std::size_t>(total), count);
  for (std::int64_t s = 0; s < count; ++s) {
    const SequenceMeta& sequence = sequences[static_cast<std::size_t>(s)];
    check(0 <= sequence.logp_begin && sequence.logp_begin <= sequence.logp_end && sequence.logp_end <= total,
          "objective: a sequence's log-probs are outside the batch");
    for (std::int64_t i = sequence.logp_begin; i < sequence.logp_end; ++i) {
      check(owner[static_cast<std::size_t>(i)] == count, "objective: two sequences claim the same log-prob");
      owner[static_cast<std::size_t>(i)] = s;
    }
  }
  return owner;
}

at::Tensor sequence_sums(const at::Tensor& values, const std::vector<SequenceMeta>& sequences) {
  check(values.dim() == 1, "objective: per-token values must be one-dimensional");
  const std::vector<std::int64_t> owner = token_owners(sequences, values.size(0));
  const auto count = static_cast<std::int64_t>(sequences.size());
  // Entries without a sequence go into one extra sum, which is dropped.
  const at::Tensor sums = at::zeros({count + 1}, values.options().dtype(at::kDouble).requires_grad(false));
  return sums.index_add(0, device_tensor(owner, values.device()), values.to(at::kDouble)).narrow(0, 0, count);
}

LogRatios log_ratios(const ObjectiveInput& input, bool needs_reference) {
  check(input.sequences != nullptr && input.logp.defined(), "objective: input without log-probs");
  LogRatios out;
  out.policy = sequence_sums(input.logp, *input.sequences);
  if (!needs_reference) {
    out.delta = out.policy;
    return out;
  }
  check(input.ref_logp.defined(), "objective: input without reference log-probs");
  check(input.ref_logp.sizes() == input.logp.sizes(),
        "objective: policy and reference log-probs differ in number");
  const at::Tensor reference = input.ref_logp.detach().to(at::kDouble);
  out.reference = sequence_sums(reference, *input.sequences);
  out.delta = sequence_sums(input.logp.to(at::kDouble) - reference, *input.sequences);
  return out;
}

}  // namespace una::objective
