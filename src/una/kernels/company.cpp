#include "una/kernels/company.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <system_error>
#include <vector>

#include <pthread.h>
#include <csignal>

#include "una/base/clock.h"
#include "una/base/os/cpus.h"
#include "una/base/os/run_delay.h"

namespace una::kernels {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(100);

// A thread that takes none of the process's signals: those are for the thread that computes.
template <class Work>
std::thread quiet_thread(Work work) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(work));
  } catch (const std::system_error&) { thread = {}; }  // no thread left to give: the caller does without
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

// libgomp ends the program when it cannot start a thread, so it is tried first.
bool can_start(int count) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    std::thread thread = quiet_thread([] {});
    if (!thread.joinable()) { break; }
    threads.push_back(std::move(thread));
  }
  for (std::thread& thread : threads) { thread.join(); }
  return std::ssize(threads) == count;
}

}  // namespace

bool CompanyRule::look(double share) {
  quiet_ = share < kEnds ? quiet_ + 1 : 0;
  company_ = share > kBegins || (company_ && quiet_ < kQuietLooks);
  return company_;
}

ShortWaits::ShortWaits(int threads) {
  const int idle = std::max(1, count_cpus().affinity - threads + 1);
  if (threads < 2 || idle > kMostIdle || !can_start(idle + 1)) { return; }
  owner_ = quiet_thread([this, idle] {
    std::atomic<int> there{0};  // the compiler removes a region that does nothing
#pragma omp parallel num_threads(idle + 1)
    ++there;
    // They stay until this thread ends.
    std::unique_lock lock(mutex_);
    ready_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return over_; });
  });
  if (!owner_.joinable()) { return; }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_; });
}

ShortWaits::~ShortWaits() {
  if (!owner_.joinable()) { return; }
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  owner_.join();
}

CompanyWatch::CompanyWatch(int threads) : threads_(threads) {
  if (threads > 1) {
    thread_ = quiet_thread([this] { watch(); });
  }
}

CompanyWatch::~CompanyWatch() {
  if (!thread_.joinable()) { return; }
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void CompanyWatch::watch() {
  CompanyRule rule;
  std::optional<ShortWaits> waits;
  double last_time = monotonic_seconds(), last_delay = run_delay_seconds();
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kBetweenLooks, [this] { return over_; })) {
    const double time = monotonic_seconds(), delay = run_delay_seconds();
    const double share = std::max(0.0, delay - last_delay) / (time - last_time) / threads_;
    last_time = time;
    last_delay = delay;
    if (!rule.look(share)) {
      waits.reset();
    } else if (!waits) {
      waits.emplace(threads_);
    }
  }
}

}  // namespace una::kernels
