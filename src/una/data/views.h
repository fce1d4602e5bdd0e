#pragma once

#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/drops.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Takes degenerate rows out: empty answers, chosen = rejected, exact duplicates, missing scores.
void remove_degenerate(std::vector<ReadRow>& rows, DropLog& drops);

// Rows with mapped scores -> examples of the units that `--feedback` asks for. Rows without scores (labels,
// SFT, prompts) pass unchanged, except that `binary` splits pairs. Ties and answers that a view cannot use
// are counted in the report. A derived row stands where its first answer stood.
std::vector<Example> derive_views(std::vector<ReadRow> rows, const DataOptions& options, ReadReport& report,
                                  DropLog& drops);

}  // namespace una::data::detail
