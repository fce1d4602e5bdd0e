#include "una/train/reference_cache.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCap = 1 << 20;

TEST(ReferenceCache, ATornRecordIsCutOffAndTheRestKept) {
  const std::string folder = test_folder("torn");
  {
    ReferenceCache cache(folder, "k", kCap);
    cache.add(1, {0.5F, 0.25F});
    cache.add(2, {1.5F});
  }
  const std::string path = folder + "/k.refs";
  const auto size = fs::file_size(path);
  fs::resize_file(path, size - 2);
  ReferenceCache cache(folder, "k", kCap);
  std::vector<float> values(2);
  ASSERT_TRUE(cache.read(1, values.data(), 2));
  EXPECT_EQ(values, (std::vector<float>{0.5F, 0.25F}));
  EXPECT_FALSE(cache.read(1, values.data(), 1)) << "another length";
  EXPECT_FALSE(cache.read(2, values.data(), 1));
  cache.add(2, {1.5F});
  EXPECT_EQ(fs::file_size(path), size);
}

TEST(ReferenceCache, RunsThatShareAFileReadTheirOwnRecordsAndLeaveThemToTheNext) {
  const std::string folder = test_folder("shared");
  ReferenceCache one(folder, "k", kCap), two(folder, "k", kCap);
  for (std::uint64_t i = 0; i < 100; ++i) {
    one.add(i, {static_cast<float>(i), -1.0F});
    two.add(1000 + i, {static_cast<float>(i), -2.0F});
  }
  std::vector<float> values(2);
  for (const std::uint64_t i : {0ULL, 50ULL, 99ULL}) {
    ASSERT_TRUE(one.read(i, values.data(), 2));
    EXPECT_EQ(values, (std::vector<float>{static_cast<float>(i), -1}));
    ASSERT_TRUE(two.read(1000 + i, values.data(), 2));
    EXPECT_EQ(values, (std::vector<float>{static_cast<float>(i), -2}));
  }
  EXPECT_EQ(ReferenceCache(folder, "k", kCap).size(), 200U);
}

TEST(ReferenceCache, AFileThatAnotherRunUsesIsNotCutUnderIt) {
  const std::string folder = test_folder("in_use"), path = folder + "/k.refs";
  ReferenceCache first(folder, "k", kCap);
  first.add(1, {1.0F});
  std::ofstream(path, std::ios::app | std::ios::binary) << "half of a record";  // as if it were being written
  const auto size = fs::file_size(path);
  ReferenceCache second(folder, "k", kCap);
  EXPECT_EQ(fs::file_size(path), size);
  second.add(2, {2.0F});
  float value = 0;
  ASSERT_TRUE(first.read(1, &value, 1));
  ASSERT_TRUE(second.read(2, &value, 1));
  EXPECT_EQ(value, 2);
}

TEST(ReferenceCache, WhatCannotBeReadIsAMissAndIsAddedAgain) {
  const std::string folder = test_folder("emptied");
  ReferenceCache cache(folder, "k", kCap);
  cache.add(1, {1.0F, 2.0F});
  fs::resize_file(folder + "/k.refs", 0);
  std::vector<float> values(2);
  EXPECT_FALSE(cache.read(1, values.data(), 2));
  cache.add(1, {1.0F, 2.0F});
  EXPECT_TRUE(cache.read(1, values.data(), 2));
}

TEST(ReferenceCache, AFolderThatCannotBeWrittenIsDoneWithout) {
  const std::string folder = test_folder("no_folder");
  write_file(folder + "/file", "in the way");
  ReferenceCache cache(folder + "/file", "k", kCap);
  cache.add(1, {1.0F});
  float value = 0;
  EXPECT_TRUE(cache.read(1, &value, 1));
  EXPECT_EQ(value, 1);
}

TEST(ReferenceCache, TheFolderKeepsToItsCap) {
  const std::string folder = test_folder("cap");
  write_file(folder + "/old.refs", std::string(5000, 'x'));
  fs::last_write_time(folder + "/old.refs", fs::file_time_type::clock::now() - std::chrono::hours(9));
  write_file(folder + "/new.refs", std::string(5000, 'x'));
  ReferenceCache cache(folder, "mine", 6000);
  EXPECT_FALSE(is_file(folder + "/old.refs"));
  EXPECT_TRUE(is_file(folder + "/new.refs"));
}

}  // namespace
}  // namespace una::train
