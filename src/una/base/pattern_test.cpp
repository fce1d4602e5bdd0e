#include "una/base/pattern.h"

#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una {
namespace {

bool found(const std::string& pattern, const std::string& text) {
  return Pattern(pattern, "test").found_in(text);
}

std::string refusal(const std::string& pattern, const std::string& text = "") {
  try {
    found(pattern, text);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Pattern, ADotMatchesLineBreaksAndAnchorsAreTheTextsEnds) {
  EXPECT_TRUE(found("^<think>.*</think>", "<think>one\ntwo</think>ok"));
  EXPECT_FALSE(found("(?-s)^<think>.*</think>", "<think>one\ntwo</think>ok"));
  EXPECT_FALSE(found("^two", "one\ntwo"));
  EXPECT_TRUE(found("(?m)^two", "one\ntwo"));
  EXPECT_TRUE(found("^\\w+$", "größe"));
}

// std::regex recursed once per character: 18,000 characters overflowed the stack.
TEST(Pattern, LongTextsAndNestedRepetitionsTakeLinearTime) {
  const std::string text(1'000'000, 'a');
  EXPECT_TRUE(found("<think>[\\s\\S]*</think>", "<think>" + text + "</think>"));
  EXPECT_FALSE(found("(a+)+$b", text));
  EXPECT_FALSE(found("(\\w+ )*x", text));
}

TEST(Pattern, BacktrackingIsBounded) {
  EXPECT_TRUE(found("^(?!.*lm_head).*_proj$", "model.layers.0.q_proj"));
  EXPECT_FALSE(found("^(?!.*lm_head).*_proj$", "lm_head.q_proj"));
  EXPECT_NE(refusal("^((?=a)a+)+b$", std::string(60, 'a') + "bx")
                .find("test: the pattern needs more than 1000000 steps"),
            std::string::npos);
}

TEST(Pattern, WhatIsNotAPatternIsRefusedInOneLine) {
  EXPECT_EQ(refusal("(").rfind("test is not a regular expression that una can use: ", 0), 0U);
  for (const std::string& bad :
       {std::string(20'000, '(') + std::string(20'000, ')'), std::string("(x{1000}){1000}"),
        std::string("[b-a]"), std::string("a\\"), std::string(1, '\xff')}) {
    const std::string sentence = refusal(bad);
    EXPECT_FALSE(sentence.empty());
    EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
    EXPECT_LT(sentence.size(), 300U);
  }
}

TEST(Pattern, WholeMatchesAllOfTheText) {
  EXPECT_TRUE(Pattern::whole("a|ab", "test").found_in("ab"));
  EXPECT_FALSE(Pattern::whole("a|ab", "test").found_in("abc"));
  EXPECT_FALSE(Pattern::whole("a", "test").found_in("a\n"));
  EXPECT_THROW(Pattern::whole("a)(b", "test"), InputError);
}

TEST(Pattern, TheLastGroupIsTheOneThatIsGiven) {
  const Pattern pattern("^(?:.*?\\.)?(?:(layers))\\.(\\d+)\\.", "test");
  EXPECT_EQ(pattern.last_group("model.layers.12.q"), "12");
  EXPECT_EQ(pattern.last_group("model.layers"), std::nullopt);
  EXPECT_EQ(Pattern("a|(b)", "test").last_group("a"), std::nullopt);
}

}  // namespace
}  // namespace una
