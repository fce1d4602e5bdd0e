#include "una/base/rng.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(Rng, PermutationIsABijectionForEverySize) {
  for (const std::uint64_t n : {1ULL, 2ULL, 3ULL, 7ULL, 64ULL, 1000ULL}) {
    const Permutation order(n, 7, 3);
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < n; ++i) { seen.insert(order(i)); }
    EXPECT_EQ(seen.size(), n);
    EXPECT_EQ(*seen.rbegin(), n - 1);
  }
}

TEST(Rng, EpochsAndSeedsGiveOtherOrders) {
  const Permutation a(1000, 7, 0), b(1000, 7, 1), c(1000, 8, 0);
  int same_epoch = 0, same_seed = 0, in_place = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    same_epoch += a(i) == b(i);
    same_seed += a(i) == c(i);
    in_place += a(i) == i;
  }
  EXPECT_LT(same_epoch, 12);
  EXPECT_LT(same_seed, 12);
  EXPECT_LT(in_place, 12);
}

TEST(Rng, PermutationOfAHugeRangeIsImmediate) {
  const Permutation order(100'000'000'000ULL, 1, 1);
  EXPECT_LT(order(99'999'999'999ULL), 100'000'000'000ULL);
}

TEST(Rng, SeekRepeatsTheSameDraws) {
  Rng rng(1, stream_id("x"));
  std::vector<double> first;
  for (int i = 0; i < 5; ++i) { first.push_back(rng.normal()); }
  rng.seek(0);
  for (int i = 0; i < 5; ++i) { EXPECT_EQ(rng.normal(), first[static_cast<std::size_t>(i)]); }
}

TEST(Rng, NormalHasMeanZeroAndVarianceOne) {
  Rng rng(3, 5);
  double sum = 0, squares = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.03);
  EXPECT_NEAR(squares / n, 1, 0.05);
}

}  // namespace
}  // namespace una
