#include "una/demo/arithmetic/arithmetic.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace una::demo::arithmetic {
namespace {

const Problem kProblem{.first = 7, .steps = {{'+', 15}, {'-', 4}}};

Marks marked(std::string_view answer) { return mark(kProblem, answer); }

std::vector<Problem> problems(std::int64_t n, std::uint64_t seed, Split split) {
  std::vector<Problem> out;
  for (const std::string& text : task().make_prompts(n, seed, split)) {
    out.push_back(parse_problem(text).value());
  }
  return out;
}

TEST(Arithmetic, PromptsAreReadBackFromTheirText) {
  EXPECT_EQ(kProblem.text(), "7 + 15 - 4 =");
  EXPECT_EQ(kProblem.values(), (std::vector<int>{22, 18}));
  for (const Problem& problem : problems(300, 3, Split::kFeedback)) {
    const std::optional<Problem> read = parse_problem(problem.text());
    ASSERT_TRUE(read.has_value()) << problem.text();
    EXPECT_EQ(read->first, problem.first);
    EXPECT_EQ(read->steps, problem.steps);
  }
  for (const char* text : {"", "7", "7 =", "7 + 15", "7 + =", "+ 15 =", "7 * 15 =", "7 + x =", "7 + 15 = ",
                           "7  + 15 =", "-7 + 15 =", "7 + 1234567 ="}) {
    EXPECT_FALSE(parse_problem(text).has_value()) << text;
  }
}

TEST(Arithmetic, PromptsHaveOneToFourStepsAndSmallValues) {
  std::map<std::size_t, int> steps;
  for (const Problem& problem : problems(300, 5, Split::kHeldOut)) {
    ++steps[problem.steps.size()];
    for (const int value : problem.values()) {
      EXPECT_GE(value, 0) << problem.text();
      EXPECT_LE(value, 30) << problem.text();
    }
  }
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_GT(steps[1], 5);
  for (const std::size_t n : {2U, 3U, 4U}) { EXPECT_NEAR(steps[n], 93, 25) << n; }
}

TEST(Arithmetic, AnswersShowEveryStep) {
  EXPECT_EQ(ideal_answer(kProblem, 0), "7 + 15 = 22, 22 - 4 = 18");
  EXPECT_EQ(ideal_answer(kProblem, 1), "7 + 15 = 22 and 22 - 4 = 18, so 18");
  for (const Problem& problem : problems(500, 2, Split::kTrain)) {
    Rng rng(1, 2, stream_id(problem.text()));
    EXPECT_EQ(gold(mark(problem, make_answer(problem, 1, rng))), 1) << problem.text();
  }
}

// {right steps, steps, right result}
TEST(Arithmetic, ARightAnswerIsRightInAnyWording) {
  for (const char* answer :
       {"7 + 15 = 22, 22 - 4 = 18", "7 + 15 = 22 and 22 - 4 = 18, so 18", "7+15=22\n22-4=18",
        "7 + 15 = 22 - 4 = 18", "First 7 + 15 = 22. Then 22 - 4 = 18!"}) {
    EXPECT_EQ(marked(answer), (Marks{2, 2, true})) << answer;
    EXPECT_EQ(gold(marked(answer)), 1) << answer;
  }
}

TEST(Arithmetic, AMistakeCostsItsStepAndTheResult) {
  EXPECT_EQ(marked("7 + 15 = 23, 23 - 4 = 19"), (Marks{1, 2, false})) << "what follows from it is right";
  EXPECT_EQ(marked("7 + 15 = 22, 22 - 4 = 17"), (Marks{1, 2, false}));
  EXPECT_EQ(marked("7 + 14 = 21, 21 - 4 = 17"), (Marks{1, 2, false})) << "a step of another problem";
  EXPECT_EQ(marked("7 - 15 = 8, 8 - 4 = 4"), (Marks{1, 2, false}));
  EXPECT_EQ(marked("7 + 15 = 23, 22 - 4 = 18"), (Marks{1, 2, true})) << "the true value may be taken up";
  EXPECT_EQ(marked("7 + 15 = 22, 30 - 4 = 26"), (Marks{1, 2, false})) << "a number from nowhere";
  EXPECT_DOUBLE_EQ(gold(marked("7 + 15 = 23, 23 - 4 = 19")), 0.3);
  EXPECT_DOUBLE_EQ(gold(marked("7 + 15 = 23, 22 - 4 = 18")), 0.7);
}

TEST(Arithmetic, AStepLeftOutOrAddedCosts) {
  EXPECT_EQ(marked("22 - 4 = 18"), (Marks{1, 2, true})) << "the first in the head";
  EXPECT_EQ(marked("7 + 15 = 22"), (Marks{1, 2, false}));
  EXPECT_EQ(marked("18"), (Marks{0, 2, true}));
  EXPECT_EQ(marked("7 + 15 = 22, 7 + 15 = 22, 22 - 4 = 18"), (Marks{2, 3, true}))
      << "said twice, counted once";
  EXPECT_EQ(marked("22 - 4 = 18, 7 + 15 = 22"), (Marks{1, 2, false})) << "out of order";
  EXPECT_DOUBLE_EQ(gold(marked("18")), 0.4);
}

TEST(Arithmetic, EmptyAndGarbageAnswersAreWorthNothing) {
  for (const char* answer : {"", " ", "seven", "7 + 15 - 4 =", "= = + -", "7 + = 15", "\xff\xfe",
                             "99999999999999999999999999", "so 18.5"}) {
    EXPECT_EQ(gold(marked(answer)), 0) << answer;
  }
  EXPECT_FALSE(marked("so -18").is_result_right);
  EXPECT_FALSE(marked("-18").is_result_right);
  EXPECT_EQ(marked("-7 + 15 = 22"), (Marks{0, 2, false}));
  EXPECT_EQ(gold(mark({.first = 7, .steps = {}}, "7")), 0);
}

TEST(Arithmetic, TeachersGoWrongInEveryWay) {
  int right_result_only = 0, missing = 0, carried = 0;
  for (const Problem& problem : problems(1500, 9, Split::kTrain)) {
    Rng rng(2, 3, stream_id(problem.text()));
    const Marks marks = mark(problem, make_answer(problem, 0.4, rng));
    const int n = static_cast<int>(problem.steps.size());
    EXPECT_EQ(marks.steps, n) << "never more steps than the problem has";
    right_result_only += marks.is_result_right && marks.right_steps < n ? 1 : 0;
    missing += marks.right_steps == 0 ? 1 : 0;
    carried += !marks.is_result_right && marks.right_steps == n - 1 && n > 1 ? 1 : 0;
  }
  EXPECT_GT(right_result_only, 50);
  EXPECT_GT(missing, 50);
  EXPECT_GT(carried, 200);
}

}  // namespace
}  // namespace una::demo::arithmetic
