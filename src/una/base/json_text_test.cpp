#include "una/base/json_text.h"

#include <string>

#include <gtest/gtest.h>

namespace una {
namespace {

std::optional<DuplicateKey> duplicate_in(const std::string& text) {
  return find_duplicate_key(text, Json::parse(text), outline_json(text).members);
}

TEST(JsonText, StringsHoldNoStructure) {
  EXPECT_EQ(outline_json(R"({"a:": "x:\":[", "b": {"c": [1, {"d": 2}]}})").members, 4);
  EXPECT_EQ(outline_json(R"("{\\")").members, 0);
  EXPECT_EQ(outline_json(R"({"a": "cut off: \)").members, 1);
}

TEST(JsonText, DepthIsOfWhatIsOpen) {
  const std::string open(500, '['), close(500, ']');
  EXPECT_FALSE(outline_json(open + close + open + close).too_deep);
  EXPECT_TRUE(outline_json("{" + open + close).too_deep);
  EXPECT_FALSE(outline_json("\"" + open + open + "\"").too_deep);
}

TEST(JsonText, AKeyThatStandsTwiceIsFoundWhereverItIs) {
  EXPECT_FALSE(duplicate_in(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})").has_value());
  EXPECT_FALSE(duplicate_in(R"(["a", "a"])").has_value());
  EXPECT_EQ(duplicate_in(R"({"a": 1, "b": 2, "a": 1})")->key, "a");
  EXPECT_EQ(duplicate_in(R"({"a": [{"c": 0, "\u0063": 1}]})")->key, "c");
  EXPECT_EQ(duplicate_in(R"({"x": 1, "a": {"b": 2, "b": 2}})")->element, 0);
  const auto in_list = duplicate_in(R"([{"a": [1, 2]}, [3], 4, {"a": {"b": 5, "b": 6}}])");
  EXPECT_EQ(in_list->key, "b");
  EXPECT_EQ(in_list->element, 3);
}

}  // namespace
}  // namespace una
