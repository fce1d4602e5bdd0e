#include "una/reward/math/answer.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "una/reward/math/find_answer.h"
#include "una/reward/math/minerva.h"

namespace una::reward::math {
namespace {

using Pair = std::pair<const char*, const char*>;

TEST(Answer, SaysTheSameInManyWays) {
  for (const auto& [right, answer] :
       {Pair{"\\frac{3}{4}", "0.75"},
        Pair{"\\frac34", "3/4"},
        Pair{"1\\frac{1}{2}", "\\dfrac{3}{2}"},
        Pair{"2\\sqrt{3}", "\\sqrt{12}"},
        Pair{"\\frac{1+\\sqrt5}{2}", "(1+\\sqrt{5})/2"},
        Pair{"\\frac{\\pi}{6}", "\\pi/6"},
        Pair{"1,234", "1234"},
        Pair{"12", "12\\text{ cm}^2"},
        Pair{"90^\\circ", "90"},
        Pair{"0.\\overline{3}", "\\frac{1}{3}"},
        Pair{"0.333333", "\\frac{1}{3}"},
        Pair{"(x+1)(x+2)", "x^2+3x+2"},
        Pair{"1, 2, 3", "\\{3, 1, 2\\}"},
        Pair{"2 \\pm \\sqrt{3}", "2-\\sqrt3, 2+\\sqrt3"},
        Pair{"(1, \\tfrac12)", "\\left(1, 0.5\\right)"},
        Pair{"[2,5)", "x \\in [2, 5)"},
        Pair{"(-\\infty,1)\\cup(2,\\infty)", "(2,\\infty) \\cup (-\\infty,1)"},
        Pair{"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}"},
        Pair{"x=3", "3"},
        Pair{"3", "x = 3"},
        Pair{"2x+3y=6", "4x+6y-12=0"},
        Pair{"x<5", "5 > x"},
        Pair{"1<x\\le2", "(1,2]"},
        Pair{"50\\%", "50"},
        Pair{"50\\%", "0.5"},
        Pair{"\\text{(C)}", "C"},
        Pair{"\\text{Monday}", "\\text{monday}"},
        Pair{"1011_2", "11"},
        Pair{"\\binom{5}{2}", "10"},
        Pair{"3+4i", "4i+3"},
        Pair{"\\sqrt[3]{-8}", "-2"},
        Pair{"\\log_2 8", "3"},
        Pair{"2^{100}", "4^{50}"},
        Pair{"\\emptyset", "\\{\\}"},
        Pair{"x = 1, 2", "2, 1"}}) {
    EXPECT_TRUE(same_answer(right, answer)) << right << " | " << answer;
  }
}

TEST(Answer, IsNotTheSame) {
  for (const auto& [right, answer] :
       {Pair{"\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"},
        Pair{"2^{200}", "2^{200}+1"},
        Pair{"0.0000001", "0.0000002"},
        Pair{"\\text{east}", "\\text{seat}"},
        Pair{"\\text{odd}", "\\text{even}"},
        Pair{"(1,2)", "(2,1)"},
        Pair{"(1,2)", "[1,2)"},
        Pair{"1, 2", "1, 2, 3"},
        Pair{"1, 1", "1, 2"},
        Pair{"x^2", "y^2"},
        Pair{"x+1=0", "x-1=0"},
        Pair{"x<5", "x>5"},
        Pair{"x<5", "x\\le5"},
        Pair{"3", ""},
        Pair{"", ""},
        Pair{"\\frac{1}{0}", "\\frac{2}{0}"},
        Pair{"1011_2", "1011"},
        Pair{"12", "1 2"},
        Pair{"\\sqrt{2}", "1.414"},
        Pair{"\\ln 4", "\\log 4"},
        Pair{"50\\%", "0.05"},
        Pair{"x=1", "y=1"},
        Pair{"\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}"},
        Pair{"2\\pm 1", "3"}}) {
    EXPECT_FALSE(same_answer(right, answer)) << right << " | " << answer;
  }
}

std::string repeated(const std::string& piece, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) { out += piece; }
  return out;
}

TEST(Answer, HostileTextsAreBounded) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> hostile = {"9^{9^{9^{9}}}", "99999!", "\\binom{99999}{500}", "2^{99999999}"};
  for (const auto& [piece, count] :
       {std::pair{"(", 50'000}, std::pair{"\\frac{", 20'000}, std::pair{"1+", 900}, std::pair{"\\pm 1", 30},
        std::pair{"$", 20'000}, std::pair{"\\boxed{", 3'000}, std::pair{"1,", 5'000},
        std::pair{"9", 5'000}}) {
    hostile.push_back(repeated(piece, count) + "1");
  }
  hostile.push_back(repeated("\\sqrt{", 300) + "2" + repeated("}", 300));
  for (const std::string& text : hostile) {
    same_answer(text, "7");
    same_answer("7", text);
    EXPECT_FALSE(same_solution("so $\\boxed{7}$", text + " and "));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Answer, IsFoundInTheOrderOfMathVerify) {
  const auto found = [](const std::string& text) { return find_answer(text, false).formula; };
  EXPECT_EQ(
      found("so $x$ is $\\boxed{3}$, not $4$. Final Answer: The final answer is $5$. I hope it is correct."),
      "5");
  EXPECT_EQ(found("first $\\boxed{1}$, then $\\boxed{\\frac{3}{4}}$. Done with $9$."), "\\frac{3}{4}");
  EXPECT_EQ(found("The answer is $7$, which is $3+4$."), "7");
  EXPECT_EQ(found("We had $2$ and so get $\\frac{1}{2}$."), "\\frac{1}{2}");
  EXPECT_EQ(found("it is 12 of 1,234.5"), "1234.5");
  EXPECT_EQ(found("values are $1$, $2$ and $3$"), "1, 2, 3");
  EXPECT_EQ(found("nothing here"), "");
  EXPECT_EQ(find_answer("the number 5", true).formula, "");
  EXPECT_TRUE(same_solution("Thus $\\boxed{\\text{east}}$.", "The answer is \\boxed{\\text{East}}"));
  EXPECT_FALSE(same_solution("Thus $\\boxed{4}$.", "I do not know."));
}

TEST(Answer, MinervasRuleLooksForItsPhrase) {
  const std::string solution = "so $\\boxed{\\frac{1}{2}}$";
  EXPECT_TRUE(
      same_by_minerva(solution, "Final Answer: The final answer is $\\frac12$. I hope it is correct."));
  EXPECT_TRUE(same_by_minerva(solution, "Final Answer: The final answer is $0.5$. I hope it is correct."));
  EXPECT_FALSE(same_by_minerva(solution, "The answer is $\\boxed{\\frac12}$."));
  EXPECT_TRUE(same_by_minerva(
      "$\\boxed{12}$", "Final Answer: The final answer is $x = 12\\text{ dollars}$. I hope it is correct."));
  EXPECT_EQ(normalised_by_minerva("100,000"), "100000");
  EXPECT_EQ(normalised_by_minerva("$\\sqrt2$ cm"), "\\sqrt{2}");
}

}  // namespace
}  // namespace una::reward::math
