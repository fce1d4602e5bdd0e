#pragma once

#include <cstdint>

namespace una {

// Seconds in which threads of this process were ready to run and had no processor, summed over the threads that live now
// (so it falls when one ends); 0 where the kernel keeps no such count (CONFIG_SCHED_INFO). From any thread; some 5 us a
// thread.
double run_delay_seconds();

}  // namespace una
