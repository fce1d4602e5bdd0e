#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace una::kernels {

// Tells from the share of time in which a process's threads waited for a processor whether others compete for it. It
// begins at once and ends after a quiet second, so that a short pause of the others does not count.
class CompanyRule {
 public:
  static constexpr double kBegins = 0.05, kEnds = 0.01;
  static constexpr int kQuietLooks = 10;

  // The next look; `share` is seconds waited per second and compute thread. Returns whether there is company now.
  bool look(double share);

 private:
  bool company_ = false;
  int quiet_ = 0;
};

// Between two parallel loops OpenMP's threads spin for a moment before they sleep (cli/wait_policy.h). On a machine of
// their own that is the fastest way to wait. Where other processes want the processors, every turn is taken from them, and
// from the thread that is waited for. libgomp spins for 100 turns at most while there are more OpenMP threads than
// processors (its manual, GOMP_SPINCOUNT); an object of this class, while it lives, adds idle ones until there are.
// Results do not change: the threads that compute stay as many as they were.
class ShortWaits {
 public:
  // `threads`: the compute threads. Does nothing where too many idle threads would be needed (kMostIdle), or where the
  // system has none to give.
  explicit ShortWaits(int threads);
  ~ShortWaits();
  ShortWaits(const ShortWaits&) = delete;
  ShortWaits& operator=(const ShortWaits&) = delete;

  static constexpr int kMostIdle = 32;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false, over_ = false;  // guarded by mutex_
  std::thread owner_;                  // of the idle threads; they end with it
};

// Looks ten times a second whether this process has company, from a thread of its own, and makes waits short while it has.
class CompanyWatch {
 public:
  explicit CompanyWatch(int threads);
  ~CompanyWatch();
  CompanyWatch(const CompanyWatch&) = delete;
  CompanyWatch& operator=(const CompanyWatch&) = delete;

 private:
  void watch();

  const int threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace una::kernels
