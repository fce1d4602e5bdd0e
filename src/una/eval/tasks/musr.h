#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// MuSR: musr_NAME.jsonl {narrative, question, choices, answer_choice}.
std::vector<Subtask> load_musr(const TaskFiles& files);
void write_musr_sample(const std::string& folder);

}  // namespace una::eval
