#include "una/reward/math_answer.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace una::reward {
namespace {

bool same(const std::string& answer, const std::string& truth) {
  return same_result(answer, truth, kMathTolerance);
}

TEST(MathAnswer, NumbersAreReadAsPeopleWriteThem) {
  const std::pair<const char*, double> cases[] = {{"42", 42},
                                                  {" -3.50 ", -3.5},
                                                  {"+7.", 7},
                                                  {".25", 0.25},
                                                  {"1,234,567.5", 1234567.5},
                                                  {"$1{,}200$", 1200},
                                                  {"\\$12", 12},
                                                  {"3/4", 0.75},
                                                  {"-\\frac{3}{4}", -0.75},
                                                  {"\\dfrac34", 0.75},
                                                  {"1\\frac{1}{2}", 1.5},
                                                  {"\\frac{-1}{2}", -0.5},
                                                  {"50\\%", 50},
                                                  {"1e-3", 1e-3},
                                                  {"2 \\times 10^{5}", 2e5},
                                                  {"6.02 \\cdot 10^3", 6020},
                                                  {"\\text{12}", 12},
                                                  {"90^\\circ", 90},
                                                  {"\xE2\x88\x92"
                                                   "5",
                                                   -5}};
  for (const auto& [text, value] : cases) {
    ASSERT_TRUE(number_value(text).has_value()) << text;
    EXPECT_DOUBLE_EQ(*number_value(text), value) << text;
  }
  for (const char* text :
       {"", "x", "3x", "1,23", "3/0", "\\frac{1}{", "2\\sqrt{3}", "1 and 2", "--1", "\\pi"}) {
    EXPECT_FALSE(number_value(text).has_value()) << text;
  }
}

TEST(MathAnswer, TheLastBoxOrMarkCounts) {
  EXPECT_EQ(marked_result("first \\boxed{1}, so \\boxed{\\frac{3}{4}}."), "\\frac{3}{4}");
  EXPECT_EQ(marked_result("48/2 = <<48/2=24>>24\n#### 72\n"), "72");
  EXPECT_EQ(marked_result("never closed \\boxed{3"), "");
  EXPECT_EQ(marked_result("nothing"), "");
}

TEST(MathAnswer, TheLastNumberOfRunningText) {
  EXPECT_EQ(last_number("He pays $1,234.50."), "$1,234.50");
  EXPECT_EQ(last_number("from 3 to -4!"), "-4");
  EXPECT_EQ(last_number("3-4"), "4");
  EXPECT_EQ(last_number("the point (3,4)"), "4");
  EXPECT_EQ(last_number("that is 3/4 of it"), "3/4");
  EXPECT_EQ(last_number("so $-\\frac{3}{4}$."), "-\\frac{3}{4}");
  EXPECT_EQ(last_number("about 12.5% more"), "12.5%");
  EXPECT_EQ(last_number("a .5 share"), ".5");
  EXPECT_EQ(last_number("none"), "");
}

TEST(MathAnswer, ResultsAgreeAsNumbers) {
  EXPECT_TRUE(same("We get 7 and then \\boxed{0.75}", "\\frac{3}{4}"));
  EXPECT_TRUE(same("The answer is 1,200.", "1200"));
  EXPECT_TRUE(same("18", "She sells 9 * 2 = $<<9*2=18>>18.\n#### 18"));
  EXPECT_TRUE(same("so 50%", "0.5"));
  EXPECT_TRUE(same("so 50%", "50"));
  EXPECT_FALSE(same("so 50%", "0.05"));
  EXPECT_FALSE(same("18 apples and 3 pears", "18"));
  EXPECT_FALSE(same("\\boxed{18} (not 17)", "17"));
  EXPECT_FALSE(same("no number", "0"));
  EXPECT_FALSE(same("0.333", "1/3"));
  EXPECT_TRUE(same_result("0.333", "1/3", 1e-2));
}

TEST(MathAnswer, WhatIsNoNumberMustReadTheSame) {
  EXPECT_TRUE(same("Hence \\boxed{\\left( 3, \\dfrac{\\pi}{2} \\right)}.", "(3,\\frac{\\pi}{2})"));
  EXPECT_TRUE(same("x + 1", "x+1"));
  EXPECT_FALSE(same("\\boxed{3}", "2\\sqrt{3}"));
  EXPECT_FALSE(same("blue", "red"));
}

std::string repeated(const std::string& piece, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) { out += piece; }
  return out;
}

// A policy that repeats itself writes such answers; reading one took a minute.
TEST(MathAnswer, LongAnswersAreReadInLinearTime) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(same(repeated("1,", 100'000) + "7", "7"));
  EXPECT_TRUE(same(repeated("1/", 100'000) + "7", "1/7"));
  EXPECT_FALSE(same(repeated("1.", 100'000) + "7", "8"));
  EXPECT_FALSE(same("1" + repeated(",111", 100'000), "8")) << "well formed to its end, and not finite";
  EXPECT_FALSE(same(repeated("\\frac{", 8'000) + "7", "8"));
  EXPECT_FALSE(same(repeated("\\frac{1}{", 8'000) + "7" + repeated("}", 8'000), "8"));
  EXPECT_FALSE(same(repeated("\\text{", 50'000), "8"));
  EXPECT_TRUE(same("\\boxed{" + repeated("\\text{", 50'000) + "8" + repeated("}", 50'001), "8"));
  EXPECT_TRUE(same("\\boxed{" + repeated("\\,", 200'000) + "8}", "8"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(MathAnswer, FractionsMayHoldFractions) {
  EXPECT_DOUBLE_EQ(number_value("\\frac{\\frac{1}{2}}{\\text{4}}").value(), 0.125);
  EXPECT_DOUBLE_EQ(number_value("\\text{a\\text{b}").value_or(-1), -1);
}

TEST(MathAnswer, LooseTextIgnoresCasePunctuationAndArticles) {
  EXPECT_EQ(loose_text("The  Eiffel-Tower, a\nlandmark!"), "eiffeltower landmark");
}

}  // namespace
}  // namespace una::reward
