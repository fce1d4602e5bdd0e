#include "una/study/workers.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/os/interrupt.h"

namespace una::study {
namespace {

TEST(Workers, EveryPartIsCalledOnceOnAtMostThatManyThreads) {
  for (const std::size_t workers : {0UL, 1UL, 3UL, 50UL}) {
    std::vector<std::atomic<int>> calls(20);
    std::atomic<int> now = 0, most = 0;
    run_at_once(calls.size(), workers, [&](std::size_t i) {
      const int running = ++now;
      for (int seen = most; running > seen && !most.compare_exchange_weak(seen, running);) {}
      calls[i] += 1;
      --now;
    });
    for (const auto& count : calls) { EXPECT_EQ(count, 1); }
    EXPECT_LE(most, static_cast<int>(std::max<std::size_t>(workers, 1)));
  }
  run_at_once(0, 2, [](std::size_t) { FAIL() << "nothing to do"; });
}

TEST(Workers, TheFirstExceptionEndsItAndIsRethrown) {
  std::atomic<int> begun = 0;
  std::string words;
  try {
    run_at_once(100, 1, [&](std::size_t i) {
      ++begun;
      if (i == 3) { throw std::runtime_error("the third"); }
    });
  } catch (const std::runtime_error& error) { words = error.what(); }
  EXPECT_EQ(words, "the third");
  EXPECT_EQ(begun, 4) << "none is begun after it";
}

TEST(Workers, ASignalEndsItAsStopped) {
  clear_interrupt();
  install_interrupt_handler();
  int begun = 0;
  const auto work = [&](std::size_t i) {
    ++begun;
    if (i == 2) { std::raise(SIGTERM); }
  };
  EXPECT_THROW(run_at_once(9, 1, work), Stopped);
  EXPECT_EQ(begun, 3);
  clear_interrupt();
}

}  // namespace
}  // namespace una::study
