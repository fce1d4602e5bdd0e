#pragma once

#include <string>
#include <vector>

#include "una/dist/launch.h"

namespace una::dist {

// Starts `launch.starts` ranks of this machine, each this very program with `arguments`, hands signals on to them and
// waits until all have ended. When one ends with an error the others are given time to end by themselves, then they
// are killed. Returns the exit code of the first that ended with an error that is not 75; 75 where a rank was killed
// or lost; 0 when all are done.
int run_local_ranks(const Launch& launch, const std::vector<std::string>& arguments);

}  // namespace una::dist
