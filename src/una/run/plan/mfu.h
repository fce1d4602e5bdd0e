#pragma once

#include <cstdint>

#include "una/model/model.h"
#include "una/run/plan/run_plan.h"
#include "una/train/training_loop.h"

namespace una::run {

// Fills in what `mfu` in the log is computed from: the operations of a step's training passes, and the products' rate of the
// model's device, measured now, times the ranks, which are taken to be equally fast.
void count_operations(const setup::RunConfig& config, const RunPlan& plan, const model::Model& model,
                      std::int64_t ranks, train::LoopParts& parts);

}  // namespace una::run
