#pragma once

#include <cstdint>
#include <string>

#include "una/dist/gang.h"
#include "una/reward/reward.h"
#include "una/rows/data_options.h"
#include "una/views/row_copies.h"

namespace una::recipe {

// Every answer of the data's rows judged by `reward`, one JSON line each into `path` (whole or not at all; run/score_lines.h).
// `identity`: hash of what decides a line besides the rows.
// An answer without a score gets "score": null and "error". InputError when more than allow_dropped of the
// answers, or all, have none. Returns how many have one. `copies` are added to the lines. Every rank of the gang calls it,
// with a reward that is dealt over them; rank 0 writes.
std::int64_t score_by_reward(reward::Reward& reward, const rows::DataOptions& options,
                             const views::RowCopies& copies, const std::string& path,
                             const std::string& identity, dist::Gang& gang);

}  // namespace una::recipe
