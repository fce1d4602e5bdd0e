#pragma once

#include <string>
#include <vector>

#include "una/setup/run_config.h"

namespace una::setup {

// The files and folders that a run reads, which it must not write over: models, adapters, rows, rewards, --config.
std::vector<std::string> run_inputs(const RunConfig& config);

// The parts of --reward words that follow a colon. Not every one is a path.
std::vector<std::string> reward_inputs(const std::vector<std::string>& rewards);

}  // namespace una::setup
