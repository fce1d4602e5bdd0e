#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// MMLU-Pro: mmlu_pro_test.jsonl and, for the five examples, mmlu_pro_validation.jsonl {question, options, answer}.
std::vector<Subtask> load_mmlu_pro(const TaskFiles& files);
void write_mmlu_pro_sample(const std::string& folder);

}  // namespace una::eval
