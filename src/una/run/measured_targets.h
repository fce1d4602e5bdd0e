#pragma once

#include <memory>

#include "una/data/dataset.h"
#include "una/objective/objective.h"
#include "una/setup/run_config.h"

namespace una::run {

// InputError for a target_kl that is not a number of nats, or that an online method cannot have.
void check_target_kl(const objective::ObjectiveOptions& options, bool is_online);

// Tells what beta means for this loss on these rows, and warns of unbalanced labels, before any step. With target_kl
// beta becomes what it asks for, and the objective is made again. Up to 4,000 rows, evenly spread, are looked at.
void measure_targets(setup::RunConfig& config, const data::Dataset& rows,
                     std::unique_ptr<objective::Objective>& objective);

}  // namespace una::run
