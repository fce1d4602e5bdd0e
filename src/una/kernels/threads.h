#pragma once

#include <cstdint>

namespace una::kernels {

// InputError unless `wanted` is 0 (as many as this process has processors) or a number that a machine could have.
void check_threads(std::int64_t wanted);

// Compute threads: `wanted`, or as many as the affinity mask and the control group allow; where those allow fewer
// than the machine has, a log line gives the number and the reason. While other processes want the processors, these
// threads sleep at once where they would spin (company.h). InputError as check_threads.
void set_threads(std::int64_t wanted);

}  // namespace una::kernels
