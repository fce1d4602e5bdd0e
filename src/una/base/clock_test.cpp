#include "una/base/clock.h"

#include <vector>

#include <gtest/gtest.h>

namespace una {
namespace {

constexpr std::uint64_t kBlock = 64 << 20;

// Touched, so that it is resident, and given back at once.
void use_a_block() {
  std::vector<char> block(kBlock, 1);
  volatile char* bytes = block.data();
  bytes[kBlock / 2] = 2;
}

TEST(Clock, APhaseHasThePeakOfItsOwnAndTheRunThePeakOfAll) {
  take_peak_memory();
  const std::uint64_t before = current_memory_bytes();
  use_a_block();
  const std::uint64_t with_block = take_peak_memory();
  const std::uint64_t without = take_peak_memory();
  EXPECT_GE(with_block, before + kBlock / 2);
  EXPECT_LE(without, with_block + kBlock / 8)
      << "never more; less where the kernel lets the mark be set back";
  EXPECT_GE(peak_memory_bytes(), with_block) << "the run's peak stays";
}

TEST(Clock, TheProcessIsOlderThanItsTest) {
  const double age = process_age_seconds();
  EXPECT_GT(age, 0);
  EXPECT_LT(age, 3600);
}

}  // namespace
}  // namespace una
