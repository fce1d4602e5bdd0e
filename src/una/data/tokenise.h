#pragma once

#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/drops.h"

namespace una::data::detail {

// Examples -> rows of token ids, in order, by the boundary and length rules; counts go into `report`, rows
// that are left out into `drops`. Row::index and Row::source are set (report.sources grows as needed).
std::vector<Row> tokenise(const std::vector<Example>& examples, const DataOptions& options,
                          const TextPipeline& pipeline, ReadReport& report, DropLog& drops);

void check_options(const DataOptions& options);

}  // namespace una::data::detail
