#include "una/eval/tasks/scores.h"

#include <gtest/gtest.h>

namespace una::eval {
namespace {

RowResult right(bool yes) { return {{{"acc", yes ? 1.0 : 0.0, 1}}}; }

Task task(Normalised how) {
  Task out;
  out.name = "t", out.metric = "acc", out.normalised = how;
  return out;
}

TEST(Scores, ChanceIsSubtractedPerSubtaskOrFromTheWhole) {
  const std::vector<Subtask> subtasks = {{"a", 0.5, {}}, {"b", 0.25, {}}};
  TaskResults results(2);
  for (int i = 0; i < 10; ++i) { results[0].push_back(right(i < 6)); }  // 0.6 of chance 0.5: 20
  for (int i = 0; i < 30; ++i) { results[1].push_back(right(i < 6)); }  // 0.2, below chance: 0
  EXPECT_NEAR(score_task(task(Normalised::kSubtasks), subtasks, results).normalised.mean, 10, 1e-9);
  const TaskScore whole = score_task(task(Normalised::kWhole), subtasks, results);
  EXPECT_NEAR(whole.metrics[0].value.mean, 12.0 / 40, 1e-12);
  EXPECT_NEAR(whole.normalised.mean, 0, 1e-9);  // 0.3 is below chance 0.5
  EXPECT_EQ(whole.subtasks[1].rows, 30);
  EXPECT_LT(whole.metrics[0].value.low, 0.3);
  EXPECT_GT(whole.metrics[0].value.high, 0.3);
}

TEST(Scores, InstructionLevelAccuracyCountsInstructions) {
  const std::vector<Subtask> subtasks = {{"ifeval", 0, {}}};
  const auto row = [](double prompt, double followed, double all) {
    return RowResult{{{"prompt_level_strict_acc", prompt, 1}, {"inst_level_strict_acc", followed, all}}};
  };
  Task ifeval = task(Normalised::kIfeval);
  ifeval.metric = "prompt_level_strict_acc";
  const TaskScore score = score_task(ifeval, subtasks, {{row(1, 1, 1), row(0, 1, 3)}});
  EXPECT_NEAR(score.metrics[1].value.mean, 0.5, 1e-12);
  EXPECT_NEAR(score.normalised.mean, 50, 1e-9);
}

TEST(Scores, PairedDifferencesAreSharperThanTwoIntervals) {
  TaskResults before(1), after(1), same(1);
  for (int i = 0; i < 200; ++i) {
    before[0].push_back(right(i % 2 == 0));
    after[0].push_back(right(i % 2 == 0 || i % 20 == 1));  // ten more, none less
    same[0].push_back(right(i % 2 == 0 ? i != 0 : i == 1));
  }
  const std::vector<Change> better = compare_tasks(before, after);
  EXPECT_NEAR(better[0].gain.mean, 0.05, 1e-12);
  EXPECT_EQ(better[0].verdict, "better");
  EXPECT_EQ(compare_tasks(after, before)[0].verdict, "worse");
  EXPECT_EQ(compare_tasks(before, same)[0].verdict, "no difference shown");
}

}  // namespace
}  // namespace una::eval
