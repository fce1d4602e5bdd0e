#include "una/eval/tasks/loaded_task.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"

namespace una::eval {

std::int64_t LoadedTask::rows() const {
  std::int64_t count = 0;
  for (const Subtask& subtask : subtasks) { count += std::ssize(subtask.items); }
  return count;
}

std::vector<LoadedTask> load_tasks(const TaskFiles& files, const std::vector<std::string>& names,
                                   const ScorerOptions& options) {
  std::vector<LoadedTask> loaded;
  for (const std::string& name : names) {
    const Task& task = find_task(name);
    check_input(
        std::none_of(loaded.begin(), loaded.end(), [&](const auto& other) { return other.task == &task; }),
        "tasks: ", name, " is named twice");
    LoadedTask one{&task, task.load(files), nullptr};
    if (task.make_scorer != nullptr) {
      one.scorer = task.make_scorer(one.subtasks, options);
      if (const std::string remark = one.scorer->remark(); !remark.empty()) { log_warning(remark); }
    }
    log_info(cat("task       ", name, ": ", thousands(one.rows()), " rows in ", one.subtasks.size(),
                 one.subtasks.size() == 1 ? " file" : " files"));
    loaded.push_back(std::move(one));
  }
  return loaded;
}

}  // namespace una::eval
