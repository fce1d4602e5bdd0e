#include "una/eval/tasks/math_hard.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

std::string row(const std::string& problem, const std::string& level, const std::string& type,
                const std::string& solution = "It is $\\boxed{7}$.") {
  return json_line({{"problem", problem}, {"level", level}, {"type", type}, {"solution", solution}});
}

std::string folder_with(const std::string& name, int examples, const std::string& rows) {
  std::string folder = test_folder("math_hard_" + name), shots;
  for (int i = 0; i < examples; ++i) { shots += row("p" + std::to_string(i), "Level 5", "Algebra", "s"); }
  write_file(folder + "/math_fewshot.jsonl", shots);
  write_file(folder + "/math_test.jsonl", rows);
  return folder;
}

TEST(MathHard, OnlyLevelFiveIsAskedByType) {
  const std::string folder =
      folder_with("levels", 4,
                  row("a", "Level 5", "Counting & Probability") + row("b", "Level 4", "Algebra") +
                      row("c", "Level 5", "Algebra") + row("d", "Level 5", "Algebra"));
  write_file(folder + "/math_train.jsonl", row("t", "Level 5", "Algebra"));
  const std::vector<Subtask> subtasks = load_math_hard(TaskFiles(folder, 0));
  ASSERT_EQ(subtasks.size(), 2U);
  EXPECT_EQ(subtasks[0].name, "math_algebra");
  EXPECT_EQ(subtasks[1].name, "math_counting_probability");
  EXPECT_EQ(subtasks[0].items.size(), 2U) << "neither level 4 nor the training rows";
  EXPECT_EQ(subtasks[0].items[0].context,
            "Problem:\np0\n\nSolution: s\n\nProblem:\np1\n\nSolution: s\n\nProblem:\np2\n\nSolution: s\n\n"
            "Problem:\np3\n\nSolution: s\n\nProblem:\nc\n\nSolution:");
}

TEST(MathHard, TheLimitIsOfRowsThatAreAsked) {
  const std::string rows = row("a", "Level 1", "Algebra") + row("b", "Level 5", "Geometry") +
                           row("c", "Level 5", "Algebra") + row("d", "Level 5", "Algebra");
  const std::vector<Subtask> subtasks = load_math_hard(TaskFiles(folder_with("limit", 4, rows), 1));
  ASSERT_EQ(subtasks.size(), 2U);
  for (const Subtask& subtask : subtasks) { EXPECT_EQ(subtask.items.size(), 1U) << subtask.name; }
  EXPECT_TRUE(subtasks[0].items[0].context.ends_with("Problem:\nc\n\nSolution:"));
}

TEST(MathHard, WhatIsMissingIsNamed) {
  EXPECT_THROW(load_math_hard(TaskFiles(folder_with("shots", 3, row("a", "Level 5", "Algebra")), 0)),
               InputError);
  EXPECT_THROW(load_math_hard(TaskFiles(folder_with("easy", 4, row("a", "Level 1", "Algebra")), 0)),
               InputError);
}

// exact_match reads any answer that math_verify finds; exact_match_original only Minerva's closing sentence.
TEST(MathHard, TheTwoMetricsReadDifferentAnswers) {
  const std::vector<Subtask> subtasks =
      load_math_hard(TaskFiles(folder_with("score", 4, row("a", "Level 5", "Algebra")), 0));
  const auto scorer = make_math_hard_scorer(subtasks, {});
  const auto score = [&](const std::string& answer) {
    std::vector<double> out;
    for (const MetricPart& part : scorer->score(subtasks[0].items[0], answer)) { out.push_back(part.sum); }
    return out;  // exact_match, exact_match_original
  };
  EXPECT_EQ(score("So $\\boxed{7}$."), (std::vector<double>{1, 0}));
  EXPECT_EQ(score("Final Answer: The final answer is $7$. I hope it is correct."),
            (std::vector<double>{1, 1}));
  EXPECT_EQ(score("Final Answer: The final answer is $8$. I hope it is correct."),
            (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace una::eval
