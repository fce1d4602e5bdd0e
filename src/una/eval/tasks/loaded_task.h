#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// A task with its rows, ready to be asked.
struct LoadedTask {
  const Task* task = nullptr;
  std::vector<Subtask> subtasks;
  std::unique_ptr<TextScorer> scorer;  // null: multiple choice

  std::int64_t rows() const;
};

// Reads the rows of the tasks and says in the log how many there are. InputError: an unknown name, one named twice, what
// the files lack.
std::vector<LoadedTask> load_tasks(const TaskFiles& files, const std::vector<std::string>& names,
                                   const ScorerOptions& options);

}  // namespace una::eval
