#pragma once

#include <cstdint>
#include <vector>

#include "una/core/loss.h"
#include "una/core/sequence.h"
#include "una/online/round_parts.h"

namespace una::online {

// One round: samples with their rewards as rows to train on, and the numbers to log.
struct Round {
  std::int64_t number = 0;             // in the run, from 1; a resumed run goes on counting
  std::vector<rollout::Group> groups;  // as sampled and scored
  std::vector<Row> rows;
  MetricSums metrics;
};

// Samples, scores, makes rows (round_rows.h) and adds their columns (annotate.h). InputError when no answer
// could be scored.
Round make_round(const RoundParts& parts, const std::vector<std::int64_t>& prompts, std::uint64_t key);

}  // namespace una::online
