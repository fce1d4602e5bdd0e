#include "una/reward/judge_cache.h"

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::reward {
namespace {

TEST(JudgeCache, RepliesAreThereTheNextTime) {
  const std::string folder = test_folder("judge_cache") + "/deep/down";
  JudgeCache(folder, "a.jsonl").put("k", "line one\nline \"two\"");
  EXPECT_EQ(JudgeCache(folder, "a.jsonl").find("k"), "line one\nline \"two\"");
  EXPECT_FALSE(JudgeCache(folder, "b.jsonl").find("k").has_value());
}

TEST(JudgeCache, ATornLastLineLosesItselfOnly) {
  const std::string folder = test_folder("judge_cache_torn");
  JudgeCache(folder, "a.jsonl").put("one", "1");
  const std::string path = folder + "/a.jsonl";
  write_file(path, read_file(path) + R"({"key":"two","cont)");
  JudgeCache(folder, "a.jsonl").put("three", "3");
  const JudgeCache cache(folder, "a.jsonl");
  EXPECT_EQ(cache.find("one"), "1");
  EXPECT_FALSE(cache.find("two").has_value());
  EXPECT_EQ(cache.find("three"), "3");
}

TEST(JudgeCache, NoneKeepsNothing) {
  JudgeCache none;
  none.put("k", "v");
  EXPECT_FALSE(none.find("k").has_value());
}

}  // namespace
}  // namespace una::reward
