#pragma once

#include "una/rows/schemas/schema.h"
#include "una/rows/scores/score_mappings.h"
#include "una/rows/scores/scores.h"

namespace una::rows {

// The members that tell of the reference policy, for every shape and all answers of the row:
//   sampled_from    "ref" (the reference policy wrote the answer, at temperature 1) or "policy"
//   ref_rewards     rewards of reference samples to the same prompt, in the unit of the row's score
//   in_ref_rewards  true: the answer's own reward is one of them
// InputError "file:line: ..." on another type or value.
void read_reference_columns(const RowView& row, Example& example);

// Fills RefRewards::scores by the range of the row's own scores (nullopt: as they stand) and checks
// in_ref_rewards. Needs Response::raw_score in its final state.
void map_ref_rewards(Example& example, const std::optional<ScoreRange>& range);
// By a fit instead; a declared range is still checked.
void map_ref_rewards(Example& example, const ScoreFit& fit, const std::optional<ScoreRange>& range);

}  // namespace una::rows
