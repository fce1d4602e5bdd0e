#include "una/study/grid/job_pool.h"

#include <mutex>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/process.h"
#include "una/study/workers.h"

namespace una::study {

void run_jobs(const std::vector<PoolJob>& jobs, std::size_t processes,
              const std::function<void(const PoolEvent&)>& done) {
  const double begin = monotonic_seconds();
  std::mutex mutex;
  std::size_t finished = 0;
  const auto run = [&](std::size_t i) {
    const ChildResult result = run_self(jobs[i].arguments, {"UNA_QUIET=1"});
    if (interrupted()) { throw Stopped(); }  // so was the job
    const std::scoped_lock lock(mutex);
    check_child(result, "study: " + jobs[i].name, "; run the command again to go on");
    ++finished;
    const double each = (monotonic_seconds() - begin) / static_cast<double>(finished);
    done({.name = jobs[i].name,
          .seconds = result.seconds,
          .seconds_left = each * static_cast<double>(jobs.size() - finished),
          .done = finished,
          .all = jobs.size()});
  };
  try {
    run_at_once(jobs.size(), processes, run);
  } catch (const Stopped&) {
    throw Interrupted(
        cat("study: stopped after ", finished, " of ", jobs.size(), " jobs; run the command again to go on"));
  }
}

}  // namespace una::study
