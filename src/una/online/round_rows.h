#pragma once

#include <vector>

#include "una/core/loss.h"
#include "una/core/sequence.h"
#include "una/online/round_parts.h"

namespace una::online {

// Turns scored groups into rows to train on: best against worst for online_dpo, one group per prompt for the
// others. Answers without a score and groups that teach nothing are left out; `metrics` gets the share of groups
// left out. The column "sampler_logp" holds the sampler's log-probs where every answer has them.
std::vector<Row> rows_of(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                         MetricSums& metrics);

}  // namespace una::online
