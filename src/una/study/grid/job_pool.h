#pragma once

#include <functional>
#include <string>
#include <vector>

namespace una::study {

// A process of its own for each job, `processes` at once, in the order given.
struct PoolJob {
  std::string name;
  std::vector<std::string> arguments;  // of this program
};
// A job that is done; called one at a time, in the order in which jobs end.
struct PoolEvent {
  std::string name;
  double seconds = 0, seconds_left = 0;  // the latter an estimate from the jobs so far
  std::size_t done = 0, all = 0;
};
// Returns when all are done. The first failure (or an interrupt) lets the jobs that run end and starts no other; then an
// InputError names it.
void run_jobs(const std::vector<PoolJob>& jobs, std::size_t processes,
              const std::function<void(const PoolEvent&)>& done);

}  // namespace una::study
