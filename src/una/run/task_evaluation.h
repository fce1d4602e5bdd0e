#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/dist/gang.h"
#include "una/eval/log_ratio.h"
#include "una/eval/tasks/loaded_task.h"
#include "una/eval/tasks/scores.h"
#include "una/setup/text_setup.h"
#include "una/train/evaluator.h"

namespace una::run {

// The policy and how it is asked. `text` outlives the evaluation.
struct TaskPolicy {
  eval::PolicyUse policy;
  const setup::TextSetup* text = nullptr;
  std::vector<std::int32_t> stop_ids;  // end a written answer
  std::int64_t positions = 0;          // of the model
};

// Tasks of `una eval` while the policy trains: for each metric "TASK_METRIC" and, for the task's own, "TASK_METRIC_gain"
// over step 0 on the same rows. Rows' results go to `folder`/step-N/TASK.jsonl.
class TaskEvaluation final : public train::Evaluator {
 public:
  TaskEvaluation(std::vector<eval::LoadedTask> tasks, TaskPolicy policy, std::string folder,
                 dist::Gang& gang);
  std::string name() const override { return "tasks"; }
  std::string content_hash() const override;
  MetricSums evaluate(std::int64_t step) override;
  bool has_start() const override { return start_.size() == tasks_.size(); }
  Json state() const override;
  void load_state(const Json& state) override;

 private:
  eval::TaskResults ask(const eval::LoadedTask& task, std::int64_t step) const;

  std::vector<eval::LoadedTask> tasks_;
  TaskPolicy policy_;
  std::string folder_;
  dist::Gang& gang_;
  std::map<std::string, eval::TaskResults> start_;  // by task
};

}  // namespace una::run
