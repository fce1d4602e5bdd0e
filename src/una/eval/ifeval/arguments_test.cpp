#include "una/eval/ifeval/arguments.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::eval::ifeval {
namespace {

class ArgumentsOf {
 public:
  explicit ArgumentsOf(const Json& value) : kwargs_{{"key", value}} {}
  Arguments operator*() const { return {kwargs_, nullptr, "rows.jsonl:7: the instruction x"}; }

 private:
  Json kwargs_;
};

std::string refusal(const Json& value, void (*read)(const Arguments&)) {
  const ArgumentsOf arguments(value);
  try {
    read(*arguments);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

// The harness leaves out what Python counts as false before it builds an instruction.
TEST(Arguments, WhatIsFalseInPythonIsAbsent) {
  const std::string absent = "rows.jsonl:7: the instruction x has no \"key\"";
  for (const Json& value : {Json(nullptr), Json(0), Json(0.0)}) {
    EXPECT_EQ(refusal(value, [](const Arguments& a) { a.number("key"); }).find(absent), 0U) << value;
  }
  EXPECT_EQ(refusal("", [](const Arguments& a) { a.text("key"); }).find(absent), 0U);
  EXPECT_EQ(refusal(Json::array(), [](const Arguments& a) { a.texts("key"); }).find(absent), 0U);
  EXPECT_EQ(refusal(5, [](const Arguments& a) { a.number("kay"); })
                .find("rows.jsonl:7: the instruction x has no \"kay\""),
            0U);
}

TEST(Arguments, ANumberIsWholeAndAboveZero) {
  EXPECT_EQ((*ArgumentsOf(3)).number("key"), 3);
  EXPECT_EQ((*ArgumentsOf(3.0)).number("key"), 3) << "Parquet has doubles";
  for (const Json& value : {Json(2.5), Json(-1), Json("3"), Json(true), Json(1e16)}) {
    EXPECT_NE(refusal(value, [](const Arguments& a) { a.number("key"); }).find("whole number above 0"),
              std::string::npos)
        << value;
  }
}

TEST(Arguments, TextsAndRelationsHaveTheirTypes) {
  EXPECT_EQ((*ArgumentsOf({"a", "b"})).texts("key"), (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(refusal({"a", 1}, [](const Arguments& a) { a.texts("key"); }), "");
  EXPECT_NE(refusal("a", [](const Arguments& a) { a.texts("key"); }), "");
  EXPECT_NE(refusal(1, [](const Arguments& a) { a.text("key"); }), "");
  EXPECT_EQ((*ArgumentsOf("at least")).relation("key"), Relation::kAtLeast);
  EXPECT_EQ((*ArgumentsOf("less than")).relation("key"), Relation::kLessThan);
  EXPECT_NE(refusal("at most", [](const Arguments& a) { a.relation("key"); }).find("'at most'"),
            std::string::npos);
  const Json list = Json::array();
  EXPECT_THROW((Arguments{list, nullptr, "x"}.text("key")), InputError);
}

TEST(Arguments, TheThresholdItselfIsAtLeastAndNotLess) {
  EXPECT_TRUE(holds(Relation::kAtLeast, 3, 3));
  EXPECT_FALSE(holds(Relation::kAtLeast, 2, 3));
  EXPECT_FALSE(holds(Relation::kLessThan, 3, 3));
  EXPECT_TRUE(holds(Relation::kLessThan, 2, 3));
}

}  // namespace
}  // namespace una::eval::ifeval
