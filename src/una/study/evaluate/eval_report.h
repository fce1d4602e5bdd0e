#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/eval/tasks/scores.h"
#include "una/report/eval_page.h"

namespace una::study {

// One contestant's results on one task.
struct EvalCell {
  std::string contestant;
  eval::TaskScore score;
  std::vector<eval::Change> changes;  // against the first contestant; empty for itself
};

// A task with a cell for each contestant, the model without adapter first.
struct EvalTable {
  const eval::Task* task = nullptr;
  std::vector<EvalCell> cells;
};

// The leaderboard's average needs all six tasks.
std::string eval_text(const std::vector<EvalTable>& tables);
std::vector<report::EvalPageTable> eval_pages(const std::vector<EvalTable>& tables);  // one a task
Json eval_json(const std::vector<EvalTable>& tables);

}  // namespace una::study
