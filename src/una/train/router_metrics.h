#pragma once

#include "una/core/loss.h"
#include "una/model/experts/router_report.h"

namespace una::train {

// The load of each expert in a micro-batch of `tokens` tokens: "expert_load/17" is how often a token of any layer chose
// expert 17, as a multiple of an even spread (1 for all where the router is balanced); "expert_load/max" is the largest
// load of one expert of one layer. "aux_loss" is the load-balancing loss. Does nothing for a dense model's report.
void add_router_metrics(const model::RouterReport& report, double tokens, MetricSums& metrics);

}  // namespace una::train
