#include "una/objective/una/groups.h"

#include <ATen/ops/zeros.h>

#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

at::Tensor GroupTable::sums(const at::Tensor& answers) const {
  return at::zeros({size()}, answers.options().requires_grad(false))
      .index_add(0, device_tensor(owner, answers.device()), answers);
}

at::Tensor GroupTable::spread(const at::Tensor& groups) const {
  return groups.index_select(0, device_tensor(owner, groups.device()));
}

GroupTable group_table(const std::vector<SequenceMeta>& sequences, Unit unit, Groups which,
                       const UnaTargets& targets) {
  GroupTable out;
  if (unit != Unit::kGroup && unit != Unit::kScore) { return out; }
  for (const RowSpan& row : row_spans(sequences)) {
    if (row.unit != unit) { continue; }
    if (which == Groups::kScores && unit == Unit::kGroup && is_thumbs_group(sequences, row.first, row.size)) {
      continue;
    }
    for (std::int64_t s = row.first; s < row.first + row.size; ++s) {
      const SequenceMeta& sequence = sequences[static_cast<std::size_t>(s)];
      out.index.push_back(s);
      out.owner.push_back(out.size());
      out.targets.push_back(targets.target(sequence));
      out.levels.push_back(targets.reward(sequence));
      out.answer_weights.push_back(sequence.answer_weight);
    }
    const SequenceMeta& first = sequences[static_cast<std::size_t>(row.first)];
    out.sizes.push_back(static_cast<double>(row.size));
    out.weights.push_back(first.weight);
    out.sources.push_back(first.source);
  }
  return out;
}

ThumbsTable thumbs_table(const std::vector<SequenceMeta>& sequences, Unit unit) {
  ThumbsTable out;
  if (unit != Unit::kGroup && unit != Unit::kBinary) { return out; }
  for (const RowSpan& row : row_spans(sequences)) {
    if (row.unit != unit || !is_thumbs_group(sequences, row.first, row.size)) { continue; }
    for (std::int64_t s = row.first; s < row.first + row.size; ++s) {
      out.index.push_back(s);
      out.owner.push_back(out.prompts());
      out.up.push_back(sequences[static_cast<std::size_t>(s)].target);
    }
    const SequenceMeta& first = sequences[static_cast<std::size_t>(row.first)];
    out.weights.push_back(first.weight);
    out.sources.push_back(first.source);
  }
  return out;
}

PairTable pair_table(const std::vector<SequenceMeta>& sequences) {
  PairTable out;
  for (const RowSpan& row : row_spans(sequences)) {
    if (row.unit != Unit::kPair) { continue; }
    const SequenceMeta& chosen = sequences[static_cast<std::size_t>(row.first)];
    out.chosen.push_back(row.first);
    out.rejected.push_back(row.first + 1);
    out.weights.push_back(chosen.weight);
    out.sources.push_back(chosen.source);
  }
  return out;
}

}  // namespace una::objective
