#pragma once

#include <vector>

#include "una/core/loss.h"
#include "una/core/sequence.h"
#include "una/online/round_parts.h"

namespace una::online {

// Adds columns to the rows of a round, one value per sampled token: "old_logp" where more than one step or a ratio
// needs it, "ref_logp", and PPO's "advantage", "return" and "old_value". Runs the models of parts.set forward,
// without gradients.
void annotate(std::vector<Row>& rows, const RoundParts& parts, MetricSums& metrics);

}  // namespace una::online
