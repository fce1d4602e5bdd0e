#include "una/base/indexed_map.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "una/base/json.h"
#include "una/base/json_text.h"

namespace una {
namespace {

std::string object_of(int keys) {
  std::string text = "{";
  for (int i = 0; i < keys; ++i) {
    text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":" + std::to_string(i);
  }
  return text + "}";
}

TEST(IndexedMap, KeysKeepTheirOrderAndAreFound) {
  Json object = Json::parse(object_of(1000));
  EXPECT_EQ(object.size(), 1000U);
  EXPECT_EQ(object.dump(), object_of(1000));
  EXPECT_EQ(object.at("k999"), 999);
  EXPECT_FALSE(object.contains("k1000"));
  object["k1000"] = 1000;
  object["k7"] = "seven";
  EXPECT_EQ(object.size(), 1001U);
  EXPECT_EQ(object.at("k7"), "seven");
  EXPECT_THROW(object.at("none"), Json::out_of_range);
}

TEST(IndexedMap, ErasedKeysAreGoneAndTheOthersStay) {
  for (const int size : {3, 40}) {
    Json object = Json::parse(object_of(size));
    EXPECT_EQ(object.erase("k1"), 1U);
    EXPECT_EQ(object.erase("k1"), 0U);
    EXPECT_FALSE(object.contains("k1"));
    EXPECT_EQ(object.at("k2"), 2);
    EXPECT_EQ(object.begin().key(), "k0");
    object["k1"] = 11;
    EXPECT_EQ(object.at("k1"), 11);
    EXPECT_EQ(object.at("k" + std::to_string(size - 1)), size - 1);
    EXPECT_EQ(object.size(), static_cast<std::size_t>(size));
    object.clear();
    EXPECT_FALSE(object.contains("k0"));
  }
}

TEST(IndexedMap, CopiesAndWhatIsLeftOfAMoveAreWhole) {
  Json object = Json::parse(object_of(40));
  Json copy = object;
  copy["new"] = 1;
  EXPECT_FALSE(object.contains("new"));
  EXPECT_TRUE(copy.contains("k39"));
  IndexedMap<std::string, int> first, second;
  for (int i = 0; i < 40; ++i) { first[std::to_string(i)] = i; }
  second = std::move(first);
  first.clear();
  for (int i = 40; i < 80; ++i) { first[std::to_string(i)] = i; }
  EXPECT_EQ(second.at("39"), 39);
  EXPECT_EQ(first.at("79"), 79);
  EXPECT_EQ(first.count("39"), 0U);
}

TEST(IndexedMap, ADuplicateKeyHoldsItsLastValueInItsFirstPlace) {
  std::string text = object_of(40);
  text.back() = ',';
  EXPECT_EQ(Json::parse(text + "\"k3\":33}").at("k3"), 33);
  EXPECT_EQ(Json::parse(text + "\"k3\":33}").size(), 40U);
}

// nlohmann::ordered_map compares each new key with all before it: 10^5 keys took 20 s.
TEST(IndexedMap, ManyKeysTakeLinearTime) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = object_of(300'000);
  const Json object = parse_json(text, "test");
  EXPECT_EQ(object.at("k299999"), 299'999);
  EXPECT_FALSE(find_duplicate_key(text, object, outline_json(text).members).has_value());
  const std::string twice = text.substr(0, text.size() - 1) + ",\"k5\":1}";
  EXPECT_EQ(find_duplicate_key(twice, Json::parse(twice), outline_json(twice).members).value().key, "k5");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace una
