#include "una/base/json_text.h"

#include <string>

#include <gtest/gtest.h>

namespace una {
namespace {

std::optional<DuplicateKey> duplicate_in(const std::string& text) {
  return find_duplicate_key(text, Json::parse(text), outline_json(text).members);
}

// The key, or "none".
std::string key_in(const std::string& text) {
  const std::optional<DuplicateKey> found = duplicate_in(text);
  return found ? found->key : "none";
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

TEST(JsonText, KeysAreThoseOfTheLargestObject) {
  EXPECT_EQ(outline_json(R"([{"a": 1, "b": {"x": 1, "y": [{"p": 0}], "z": 2}}, {"c": 1}])").keys, 3);
  EXPECT_EQ(outline_json("}]:").keys, 1);
  EXPECT_GE(outline_json("[[], {}, [1, 2]]").values, 5);
}

TEST(JsonText, AKeyThatStandsTwiceIsFoundWhereverItIs) {
  EXPECT_EQ(key_in(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})"), "none");
  EXPECT_EQ(key_in(R"(["a", "a"])"), "none");
  EXPECT_EQ(key_in(R"({"a": 1, "b": 2, "a": 1})"), "a");
  EXPECT_EQ(key_in(R"({"a": [{"c": 0, "\u0063": 1}]})"), "c");
  const auto in_object = duplicate_in(R"({"x": 1, "a": {"b": 2, "b": 2}})");
  ASSERT_TRUE(in_object.has_value());
  EXPECT_EQ(in_object->element, 0);
  const auto in_list = duplicate_in(R"([{"a": [1, 2]}, [3], 4, {"a": {"b": 5, "b": 6}}])");
  ASSERT_TRUE(in_list.has_value());
  EXPECT_EQ(in_list->key, "b");
  EXPECT_EQ(in_list->element, 3);
}

}  // namespace
}  // namespace una
