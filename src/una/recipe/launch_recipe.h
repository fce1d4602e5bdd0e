#pragma once

#include "una/recipe/command_line.h"

namespace una::recipe {

// una launch slurm|k8s COMMAND ...: prints what a scheduler is given for that training command.
int run_launch(const Arguments& arguments);
HelpPage launch_help(const Arguments& arguments);

}  // namespace una::recipe
