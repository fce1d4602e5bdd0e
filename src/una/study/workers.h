#pragma once

#include <cstddef>
#include <functional>

namespace una::study {

// Thrown between or within the parts of a long command after Ctrl-C or another signal that asks it to stop.
struct Stopped {};

// Calls work(0) to work(count - 1), begun in this order, each on one of `workers` threads (at least one, at most `count`);
// returns when all have ended. The first exception lets the calls that run end, begins no other, and is rethrown here. A
// signal that asks for the end is a Stopped, unless an exception came first or nothing was left to begin.
void run_at_once(std::size_t count, std::size_t workers, const std::function<void(std::size_t)>& work);

}  // namespace una::study
