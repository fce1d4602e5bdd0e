#pragma once

#include <cstdint>
#include <string>

namespace una {

double monotonic_seconds();    // since an arbitrary start; for durations
double process_age_seconds();  // since this process was started (exec)
double unix_seconds();
std::string utc_timestamp(double unix_time);  // 2026-11-24T07:12:05Z
std::uint64_t peak_memory_bytes();            // peak resident set of this process
// The peak since the last call (or the start), for the memory of one phase; peak_memory_bytes() still tells
// the whole run's. Where the kernel does not let its mark be set back, the peak of the run so far.
std::uint64_t take_peak_memory();
std::uint64_t current_memory_bytes();
std::uint64_t available_memory_bytes();  // of the machine
int process_id();

}  // namespace una
