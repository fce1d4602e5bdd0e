#pragma once

#include "una/recipe/command_line.h"

namespace una::recipe {

// `una bench online` (study/online_study.h). Returns the exit code.
int bench_online(const Arguments& arguments);
HelpPage bench_online_help();

}  // namespace una::recipe
