#include "una/train/reference.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/testing.h"
#include "una/data/pack.h"
#include "una/train/tiny_testing.h"

namespace una::train {
namespace {

constexpr std::uint64_t kCap = 1 << 20;

TEST(Reference, CachedLogProbsAreTheLiveOnesBitForBit) {
  const std::string folder = test_folder("refs");
  model::Model model(testing::tiny_spec(), 1, {});
  const auto batches = data::pack_rows(testing::tiny_rows(6), {.token_budget = 60, .min_shared = 1});
  Reference live(model, model::kNoAdapter, "base", "h");
  Reference first(model, model::kNoAdapter, "base", "h"), second(model, model::kNoAdapter, "base", "h");
  first.set_cache(std::make_unique<ReferenceCache>(folder, "h", kCap));
  for (const PackedBatch& batch : batches) { EXPECT_TRUE(first.logps(batch).equal(live.logps(batch))); }
  second.set_cache(std::make_unique<ReferenceCache>(folder, "h", kCap));
  for (const PackedBatch& batch : batches) { EXPECT_TRUE(second.logps(batch).equal(live.logps(batch))); }
  EXPECT_EQ(second.computed_sequences(), 0);
  EXPECT_GT(second.cached_sequences(), 0);
}

TEST(Reference, AKeyDependsOnIdsAndOnWhatCountsButNotOnPacking) {
  std::vector<Row> rows = testing::tiny_rows(6);
  const auto keys_of = [](const std::vector<Row>& some, bool sharing) {
    return sequence_keys(
        data::pack_rows(some, {.token_budget = 10000, .prefix_sharing = sharing, .min_shared = 1})[0]);
  };
  const auto keys = keys_of(rows, true);
  EXPECT_EQ(keys, keys_of(rows, false));
  const auto alone = keys_of({rows[2]}, true);
  EXPECT_NE(std::find(keys.begin(), keys.end(), alone[0]), keys.end());
  rows[2].sequences[0].ids.back() += 1;
  EXPECT_NE(keys_of({rows[2]}, true), alone);
  rows[2].sequences[0].ids.back() -= 1;
  rows[2].sequences[0].loss_mask[4] = 0;
  EXPECT_NE(keys_of({rows[2]}, true), alone);
}

}  // namespace
}  // namespace una::train
