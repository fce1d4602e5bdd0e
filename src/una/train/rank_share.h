#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/dist/gang.h"

namespace una::train {

// The micro-batches of a step that one rank computes, as their numbers in the whole step, ascending. Every rank
// has the same step, cut the same way, and deals it by itself: the longest micro-batch first, to the rank with
// the fewest tokens so far. A gang of one gets all of them. Random numbers are keyed by these numbers, so that
// a micro-batch draws the same dropout mask whichever rank computes it.
std::vector<std::size_t> rank_share(const std::vector<PackedBatch>& batches, const dist::Gang& gang);

// What a rank found in its share of a step, or several ranks in theirs.
struct ShareFindings {
  double loss = 0;
  std::vector<std::string> bad_rows;  // JSONL lines
  MetricSums metrics;
};

// The findings of all ranks together, added in rank order: the same bits on every rank.
ShareFindings merge_findings(const ShareFindings& own, dist::Gang& gang);

}  // namespace una::train
