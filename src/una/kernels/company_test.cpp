#include "una/kernels/company.h"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

extern "C" {  // of omp.h, which clang-tidy does not find
int omp_get_num_procs();
int omp_get_num_threads();
}

namespace una::kernels {
namespace {

std::ptrdiff_t threads_alive() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Whether this process comes to `count` threads within a second: one that was joined is listed for a moment more.
bool comes_to(std::ptrdiff_t count) {
  for (int i = 0; i < 100 && threads_alive() != count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return threads_alive() == count;
}

TEST(Company, BeginsAtOnceAndEndsAfterAQuietSecond) {
  CompanyRule rule;
  EXPECT_FALSE(rule.look(0));
  EXPECT_FALSE(rule.look(.04));  // what the system itself takes now and then
  EXPECT_TRUE(rule.look(.3));
  for (int i = 1; i < CompanyRule::kQuietLooks; ++i) { EXPECT_TRUE(rule.look(0)) << i; }
  EXPECT_TRUE(rule.look(.02));  // not quiet: the count starts from 0
  for (int i = 1; i < CompanyRule::kQuietLooks; ++i) { EXPECT_TRUE(rule.look(.009)) << i; }
  EXPECT_FALSE(rule.look(0));
  EXPECT_FALSE(rule.look(.02));  // not enough to begin
}

TEST(Company, ShortWaitsHoldMoreThreadsThanThereAreProcessors) {
  const int threads = 2, processors = omp_get_num_procs();
  const auto before = threads_alive();
  {
    const ShortWaits waits(threads);
    // The owner and its idle threads; with the computing ones, more than there are processors.
    const int idle = std::max(1, processors - threads + 1);
    if (idle > ShortWaits::kMostIdle) { GTEST_SKIP() << processors << " processors are too many"; }
    EXPECT_TRUE(comes_to(before + 1 + idle)) << before << " before, " << threads_alive() << " now";
    EXPECT_GT(threads + idle, processors);
  }
  EXPECT_TRUE(comes_to(before)) << before << " before, " << threads_alive() << " now";
}

TEST(Company, OneThreadWaitsForNobody) {
  const auto before = threads_alive();
  const ShortWaits waits(1);
  const CompanyWatch watch(1);
  EXPECT_LE(threads_alive(), before);
}

TEST(Company, TheComputeThreadsStayAsManyAsTheyWere) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::vector<int> alone(2), in_company(2);
  const auto count = [](std::vector<int>& sizes) {
    at::parallel_for(0, 2, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) { sizes[static_cast<std::size_t>(i)] = omp_get_num_threads(); }
    });
  };
  count(alone);
  {
    const ShortWaits waits(2);
    count(in_company);
  }
  EXPECT_EQ(in_company, alone);
  at::set_num_threads(before);
}

}  // namespace
}  // namespace una::kernels
