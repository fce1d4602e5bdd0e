#include "una/base/os/run_delay.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "una/base/clock.h"

namespace una {
namespace {

// Two threads that compute on one processor for `seconds`.
void share_a_processor(double seconds) {
  const int processor = ::sched_getcpu();
  std::atomic<int> there{0};
  const auto compute = [&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ++there;
    while (there < 2) { std::this_thread::yield(); }
    const double end = monotonic_seconds() + seconds;
    while (monotonic_seconds() < end) {}
    ++there;
    while (there < 4) { std::this_thread::yield(); }  // a thread that has ended is no longer counted
  };
  std::thread first(compute), second(compute);
  double most = 0;
  const double before = run_delay_seconds();
  while (there < 4) {
    most = std::max(most, run_delay_seconds() - before);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  first.join();
  second.join();
  EXPECT_GT(most, seconds / 4);  // each waits while the other computes: half of the time
}

TEST(RunDelay, ThreadsOfOneProcessorWaitForEachOther) {
  std::ifstream own("/proc/self/schedstat");
  double first = 0, second = 0;
  if (!(own >> first >> second) || first + second == 0) { GTEST_SKIP() << "no /proc/self/schedstat"; }
  share_a_processor(.1);
}

TEST(RunDelay, GrowsWithTheLifeOfItsThreads) {
  const double before = run_delay_seconds();
  EXPECT_GE(before, 0);
  EXPECT_GE(run_delay_seconds(), before);
}

}  // namespace
}  // namespace una
