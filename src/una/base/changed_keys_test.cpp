#include "una/base/changed_keys.h"

#include <gtest/gtest.h>

namespace una {
namespace {

bool is_threads(const std::string& key) { return key == "threads"; }

std::vector<ChangedKey> changed(const std::string& then, const std::string& now, AbsentKeys absent) {
  return changed_keys(parse_yaml_settings(then, "then"), parse_yaml_settings(now, "now"), is_threads, absent);
}

TEST(ChangedKeys, NamesAKeyWithBothValues) {
  const auto out = changed("beta: 0.1\nlora_r: 8\n", "beta: 0.2\nlora_r: 8\n", AbsentKeys::kPass);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].key + out[0].was + out[0].is, "beta0.10.2");
}

TEST(ChangedKeys, ComparesLists) {
  EXPECT_TRUE(changed("a: [x, y]\n", "a: [x, y]\n", AbsentKeys::kPass).empty());
  const auto out = changed("a: [x]\n", "a: [x, y]\n", AbsentKeys::kPass);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].is, "x, y");
}

TEST(ChangedKeys, PassesOverWhatMayChange) {
  EXPECT_TRUE(changed("threads: 1\n", "threads: 2\n", AbsentKeys::kPass).empty());
}

TEST(ChangedKeys, AKeyThatWasAbsentCountsOnlyWhereAsked) {
  EXPECT_TRUE(changed("beta: 1\n", "beta: 1\nnew: 2\n", AbsentKeys::kPass).empty());
  const auto out = changed("beta: 1\n", "beta: 1\nnew: 2\n", AbsentKeys::kChanged);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].was, "absent");
}

}  // namespace
}  // namespace una
