#pragma once

#include "una/study/demo_run.h"

namespace una::study {

// The offline demo: each method of demo_methods() on the same noisy feedback. Returns the exit code.
int run_offline_demo(DemoRun& run);

}  // namespace una::study
