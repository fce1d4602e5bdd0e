#pragma once

#include "una/study/demo_run.h"

namespace una::study {

// The online demo: a reward model from the demo's noisy pairs, then each method of online_demo_methods() from
// the same start, on the same prompts, with as many answers and the same beta. Returns the exit code.
int run_online_demo(DemoRun& run);

}  // namespace una::study
