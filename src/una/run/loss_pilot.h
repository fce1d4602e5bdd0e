#pragma once

#include <cstdint>

#include "una/data/dataset.h"
#include "una/dist/ranks.h"
#include "una/objective/objective.h"
#include "una/train/step_runner.h"

namespace una::run {

// What a loss decides from judged answers before the first step (objective::Needs::pilot): some of the training
// prompts with scores, evenly spread over the data, and the kernel of their answers. Logs what it decided; says so and
// decides nothing where the data has no two prompts with scored answers. Every rank does the same work and takes what
// rank 0 decided, since sums may differ in their last bits between machines.
void run_pilot(const data::Dataset& dataset, train::StepRunner& runner, objective::Objective& objective,
               std::uint64_t seed, dist::Ranks& ranks);

}  // namespace una::run
