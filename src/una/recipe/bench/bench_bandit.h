#pragma once

#include "una/recipe/command_line.h"

namespace una::recipe {

// `una bench bandit`: which online methods find the optimum of J = E[r] - beta KL, on worlds whose answers
// are enumerated (online/bandit.h). Prints a table; exit code 1 when a method misses what is promised of it.
int bench_bandit(const Arguments& arguments);
HelpPage bench_bandit_help();

}  // namespace una::recipe
