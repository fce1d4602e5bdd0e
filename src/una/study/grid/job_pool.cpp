#include "una/study/grid/job_pool.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/process.h"

namespace una::study {
namespace {

class Pool {
 public:
  Pool(const std::vector<PoolJob>& jobs, const std::function<void(const PoolEvent&)>& done)
      : jobs_(jobs), done_(done), begin_(monotonic_seconds()) {}

  // One worker's life. What it throws becomes the pool's failure: an exception must not leave a thread.
  void work() {
    try {
      take_jobs();
    } catch (const std::exception& error) {
      const std::scoped_lock lock(mutex_);
      if (failure_.empty()) { failure_ = error.what(); }
    }
  }

  void check_done() const {
    check_input(failure_.empty(), "study: ", failure_, " (see above); run the command again to go on");
    check_input(finished_ == jobs_.size(), "study: stopped after ", finished_, " of ", jobs_.size(),
                " jobs; run the command again to go on");
  }

 private:
  void take_jobs() {
    for (;;) {
      std::size_t mine = 0;
      {
        const std::scoped_lock lock(mutex_);
        if (next_ == jobs_.size() || !failure_.empty() || interrupted()) { return; }
        mine = next_++;
      }
      const PoolJob& job = jobs_[mine];
      const ChildResult result = run_self(job.arguments, {"UNA_QUIET=1"});
      const std::scoped_lock lock(mutex_);
      if (result.exit_code != 0) {
        if (failure_.empty()) { failure_ = cat(job.name, " ended with exit code ", result.exit_code); }
        return;
      }
      tell(job, result.seconds);
    }
  }

  void tell(const PoolJob& job, double seconds) {
    ++finished_;
    const double each = (monotonic_seconds() - begin_) / static_cast<double>(finished_);
    done_({.name = job.name,
           .seconds = seconds,
           .seconds_left = each * static_cast<double>(jobs_.size() - finished_),
           .done = finished_,
           .all = jobs_.size()});
  }

  const std::vector<PoolJob>& jobs_;
  const std::function<void(const PoolEvent&)>& done_;
  double begin_;
  std::mutex mutex_;
  std::size_t next_ = 0, finished_ = 0;
  std::string failure_;
};

}  // namespace

void run_jobs(const std::vector<PoolJob>& jobs, std::size_t processes,
              const std::function<void(const PoolEvent&)>& done) {
  Pool pool(jobs, done);
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < std::clamp<std::size_t>(processes, 1, std::max<std::size_t>(1, jobs.size()));
       ++i) {
    workers.emplace_back([&] { pool.work(); });
  }
  for (std::thread& worker : workers) { worker.join(); }
  pool.check_done();
}

}  // namespace una::study
