#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/objective/una/thumbs.h"
#include "una/objective/una/una_targets.h"

namespace una::objective {

// The rows of one unit as lists that tensors are made of; answers of one group are adjacent.

// Scored answers to prompts; a single answer is a group of one.
struct GroupTable {
  std::vector<std::int64_t> index;      // into the batch's sequences
  std::vector<std::int64_t> owner;      // the group, from 0
  std::vector<double> targets, levels;  // t, and link^-1(t) in the unit of beta Delta
  std::vector<double> answer_weights;   // SequenceMeta::answer_weight
  std::vector<double> sizes, weights;   // [groups]
  std::vector<std::int32_t> sources;    // [groups]
  std::int64_t size() const { return static_cast<std::int64_t>(sizes.size()); }
  at::Tensor sums(const at::Tensor& answers) const;   // [answers] -> [groups]
  at::Tensor spread(const at::Tensor& groups) const;  // [groups] -> [answers]
};

// Which groups a table takes: all, or only those whose targets are not all thumbs.
enum class Groups : std::uint8_t { kAll, kScores };
// Rows of `unit` (kGroup, kScore); empty for another unit.
GroupTable group_table(const std::vector<SequenceMeta>& sequences, Unit unit, Groups which,
                       const UnaTargets& targets);

// Thumbs of `unit`: groups whose targets are all thumbs, or single labelled answers as prompts of one.
ThumbsTable thumbs_table(const std::vector<SequenceMeta>& sequences, Unit unit);

// Pairs.
struct PairTable {
  std::vector<std::int64_t> chosen, rejected;  // into the batch's sequences
  std::vector<double> weights;
  std::vector<std::int32_t> sources;
};
PairTable pair_table(const std::vector<SequenceMeta>& sequences);

}  // namespace una::objective
