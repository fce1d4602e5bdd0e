#pragma once

#include "una/rows/schemas/schema.h"
#include "una/views/scores/score_mappings.h"
#include "una/views/scores/scores.h"

namespace una::views {

// Fills RefRewards::scores by the range of the row's own scores (nullopt: unchanged) and checks
// in_ref_rewards. Needs Response::raw_score in its final state.
void map_ref_rewards(Example& example, const std::optional<rows::ScoreRange>& range);
// By a fit instead; a declared range is still checked.
void map_ref_rewards(Example& example, const rows::ScoreFit& fit,
                     const std::optional<rows::ScoreRange>& range);

}  // namespace una::views
