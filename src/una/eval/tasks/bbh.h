#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// BIG-Bench Hard, multiple choice: bbh_NAME.jsonl {input, target} with lm-evaluation-harness's NAME.yaml.
std::vector<Subtask> load_bbh(const TaskFiles& files);
void write_bbh_sample(const std::string& folder);

}  // namespace una::eval
