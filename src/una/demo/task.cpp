#include "una/demo/task.h"

#include "una/base/find_named.h"
#include "una/demo/arithmetic/arithmetic.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/style/style.h"

namespace una::demo {

const std::vector<Task>& tasks() {
  static const std::vector<Task> kTasks = {dialogue::task(), arithmetic::task(), style::task()};
  return kTasks;
}

const Task& find_task(const std::string& name) { return find_named(tasks(), name, "task"); }

}  // namespace una::demo
