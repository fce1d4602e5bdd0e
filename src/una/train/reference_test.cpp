#include "una/train/reference.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/files.h"
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
  first.flush();
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

TEST(Reference, ATornRecordIsCutOffAndTheRestKept) {
  const std::string folder = test_folder("torn");
  {
    ReferenceCache cache(folder, "k", kCap);
    cache.add(1, {0.5F, 0.25F});
    cache.add(2, {1.5F});
    cache.flush();
  }
  const std::string path = folder + "/k.refs";
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size - 2);
  ReferenceCache cache(folder, "k", kCap);
  std::vector<float> values(2);
  ASSERT_TRUE(cache.read(1, values.data(), 2));
  EXPECT_EQ(values, (std::vector<float>{0.5F, 0.25F}));
  EXPECT_FALSE(cache.read(1, values.data(), 1)) << "another length";
  EXPECT_FALSE(cache.read(2, values.data(), 1));
  cache.add(2, {1.5F});
  cache.flush();
  EXPECT_EQ(std::filesystem::file_size(path), size);
}

TEST(Reference, FlushedValuesAreReadFromTheFileAndOnlyTheirOwn) {
  const std::string folder = test_folder("flushed");
  ReferenceCache cache(folder, "k", kCap), other(folder, "k", kCap);
  for (std::uint64_t i = 0; i < 5000; ++i) { cache.add(i, {static_cast<float>(i), -1.0F}); }
  cache.flush();
  other.add(9000, {7.0F, 8.0F});  // its place is counted without the other run's records
  other.flush();
  std::vector<float> values(2);
  for (const std::uint64_t i : {0ULL, 4095ULL, 4999ULL}) {
    ASSERT_TRUE(cache.read(i, values.data(), 2));
    EXPECT_EQ(values[0], static_cast<float>(i));
  }
  EXPECT_FALSE(other.read(9000, values.data(), 2)) << "another record lies there";
  EXPECT_EQ(cache.size(), 5000U);
  EXPECT_EQ(ReferenceCache(folder, "k", kCap).size(), 5001U);
}

TEST(Reference, TheFolderKeepsToItsCap) {
  const std::string folder = test_folder("cap");
  write_file(folder + "/old.refs", std::string(5000, 'x'));
  std::filesystem::last_write_time(folder + "/old.refs",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(9));
  write_file(folder + "/new.refs", std::string(5000, 'x'));
  ReferenceCache cache(folder, "mine", 6000);
  EXPECT_FALSE(is_file(folder + "/old.refs"));
  EXPECT_TRUE(is_file(folder + "/new.refs"));
}

}  // namespace
}  // namespace una::train
