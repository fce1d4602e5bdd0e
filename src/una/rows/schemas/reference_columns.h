#pragma once

#include "una/rows/schemas/schema.h"

namespace una::rows {

// The members that tell of the reference policy, for every shape and all answers of the row:
//   sampled_from    "ref" (the reference policy wrote the answer, at temperature 1) or "policy"
//   ref_rewards     rewards of reference samples to the same prompt, in the unit of the row's score
//   in_ref_rewards  true: the answer's own reward is one of them
// InputError "file:line: ..." on another type or value.
void read_reference_columns(const RowView& row, Example& example);

}  // namespace una::rows
