#pragma once

#include <string>

namespace una {

// Seconds of "03:45:00" (hours, minutes, seconds), "1-12:00:00" (with days, as Slurm writes a time limit), "90:00"
// (minutes, seconds) or "5400" (seconds). InputError, which begins with `name`, for anything else and for 0.
double parse_duration(const std::string& text, const std::string& name);

}  // namespace una
