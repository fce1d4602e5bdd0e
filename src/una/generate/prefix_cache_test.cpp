#include "una/generate/prefix_cache.h"

#include <numeric>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::generate {
namespace {

using Ids = std::vector<std::int32_t>;

Ids counting(std::int32_t first, std::size_t size) {
  Ids ids(size);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

// Takes slots for the whole blocks of `ids` and puts them into the cache; returns what is held.
std::vector<Block*> put(PrefixCache& cache, SlotPool& pool, const Ids& ids, std::uint64_t weights = 0) {
  std::vector<Block*> held;
  for (std::size_t at = 0; at + kBlockTokens <= ids.size(); at += kBlockTokens) {
    Block block{.parent = held.empty() ? nullptr : held.back(), .weights = weights};
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(at), kBlockTokens, block.ids.begin());
    block.begin = pool.take(kBlockTokens);
    const std::int64_t begin = block.begin;
    Block* kept = cache.add(std::move(block));
    if (kept->begin != begin) { pool.give_back(begin, kBlockTokens); }
    held.push_back(kept);
  }
  return held;
}

std::size_t hits(PrefixCache& cache, const Ids& ids, std::uint64_t weights = 0, std::int64_t top = -1) {
  const std::vector<Block*> held = cache.hold(weights, ids, top);
  cache.release(held);
  return held.size();
}

TEST(PrefixCache, FindsTheLongestChainUnderTheSameWeights) {
  PrefixCache cache;
  SlotPool pool(1000);
  cache.release(put(cache, pool, counting(0, 50)));
  EXPECT_EQ(cache.size(), 3);
  EXPECT_EQ(hits(cache, counting(0, 50)), 3U);
  EXPECT_EQ(hits(cache, counting(0, 47)), 2U);
  EXPECT_EQ(hits(cache, counting(0, 15)), 0U);
  EXPECT_EQ(hits(cache, counting(16, 34)), 0U) << "the same ids behind nothing are another block";
  EXPECT_EQ(hits(cache, counting(0, 50), 1), 0U);
  EXPECT_EQ(hits(cache, counting(0, 50), 0, 0), 0U) << "no log-probs";
  Ids other = counting(0, 50);
  other[20] = 7;
  EXPECT_EQ(hits(cache, other), 1U);
}

TEST(PrefixCache, AnEqualBlockIsKeptOnce) {
  PrefixCache cache;
  SlotPool pool(1000);
  const auto first = put(cache, pool, counting(0, 32)), second = put(cache, pool, counting(0, 32));
  EXPECT_EQ(first, second);
  EXPECT_EQ(pool.free_slots(), 1000 - 32);
  cache.release(first);
  EXPECT_FALSE(cache.evict(pool)) << "the second one holds them";
  cache.release(second);
  EXPECT_THROW(cache.release(second), InternalError);
}

TEST(PrefixCache, TheLeastRecentlyUsedGoesFirstAndAParentAfterItsChildren) {
  PrefixCache cache;
  SlotPool pool(1000);
  cache.release(put(cache, pool, counting(0, 32)));
  cache.release(put(cache, pool, counting(500, 32)));
  EXPECT_EQ(hits(cache, counting(0, 32)), 2U);  // used again: the other one is older
  EXPECT_TRUE(cache.evict(pool));
  EXPECT_EQ(hits(cache, counting(500, 32)), 1U) << "its last block went";
  EXPECT_TRUE(cache.evict(pool));
  EXPECT_EQ(hits(cache, counting(0, 32)), 1U) << "looking at the other one made it younger";
  while (cache.evict(pool)) {}
  EXPECT_EQ(pool.free_slots(), 1000);
  EXPECT_EQ(cache.size(), 0);
}

TEST(PrefixCache, ForgetsWhatCertainWeightsComputed) {
  PrefixCache cache;
  SlotPool pool(1000);
  cache.release(put(cache, pool, counting(0, 48), 1));
  cache.release(put(cache, pool, counting(0, 48), 2));
  cache.forget(1, pool);
  EXPECT_EQ(hits(cache, counting(0, 48), 1), 0U);
  EXPECT_EQ(hits(cache, counting(0, 48), 2), 3U);
  EXPECT_EQ(pool.free_slots(), 1000 - 48);
}

}  // namespace
}  // namespace una::generate
