#pragma once

#include <string>
#include <vector>

#include "una/base/options.h"

namespace una::run {

// The keys of `una launch` in addition to those of the command that it starts: where the ranks are to be.
std::vector<OptionHelp> launch_keys();

// What a scheduler is given: `arguments` are slurm or k8s, the training command, and its keys with those of launch_keys().
// Without keys that place ranks, the command is the same; it goes on from its newest checkpoint. InputError where a key is
// wrong, before anything is submitted.
std::string job_text(const std::vector<std::string>& arguments);

}  // namespace una::run
