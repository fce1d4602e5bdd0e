#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/eval/statistics.h"
#include "una/eval/tasks/row_journal.h"
#include "una/eval/tasks/task.h"

// From rows to the numbers of a table, each with its 95 % interval.
namespace una::eval {

// One metric of one contestant on one task, over all rows. `low` and `high`: Wilson's interval where a row is right or
// wrong, else percentiles of a bootstrap by row.
struct MetricScore {
  std::string metric;
  Interval value;
  std::int64_t rows = 0;
};

// The result of one subtask.
struct SubtaskScore {
  std::string name;
  double value = 0;  // of the task's metric
  std::int64_t rows = 0;
};

// The result of a task over all its rows.
struct TaskScore {
  std::vector<MetricScore> metrics;
  Interval normalised;  // as on the leaderboard, in 0..100; bootstrap by row within subtasks
  std::vector<SubtaskScore> subtasks;
};

// The results of the rows of a task, subtask by subtask, row by row. Every row must be done.
using TaskResults = std::vector<std::vector<RowResult>>;
TaskResults results_of(const std::vector<Subtask>& subtasks, const RowJournal& journal);

TaskScore score_task(const Task& task, const std::vector<Subtask>& subtasks, const TaskResults& results);

// After against before on the same rows.
struct Change {
  std::string metric;
  Interval gain;        // of the metric, bootstrap by row, both results of a row together
  std::string verdict;  // "better", "worse" or "no difference shown": whether the interval holds 0
};
std::vector<Change> compare_tasks(const TaskResults& before, const TaskResults& after);
std::string verdict_of(const Interval& gain);

}  // namespace una::eval
