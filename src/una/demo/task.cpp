#include "una/demo/task.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/demo/arithmetic/arithmetic.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/style/style.h"

namespace una::demo {

const std::vector<Task>& tasks() {
  static const std::vector<Task> kTasks = {dialogue::task(), arithmetic::task(), style::task()};
  return kTasks;
}

const Task& find_task(const std::string& name) {
  std::vector<std::string> names;
  for (const Task& task : tasks()) {
    if (task.name == name) { return task; }
    names.push_back(task.name);
  }
  const std::string near = nearest_name(name, names);
  throw InputError(cat("task: \"", name, "\" is none of ", join(names, ", "),
                       near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

}  // namespace una::demo
