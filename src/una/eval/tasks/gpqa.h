#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// GPQA: gpqa[_NAME].jsonl as --log_samples writes it {Question, choice1..4, answer}. Rows as published {Question,
// Correct Answer, Incorrect Answer 1..3} get a shuffle of their own: the harness draws its from Python's global generator.
std::vector<Subtask> load_gpqa(const TaskFiles& files);
void write_gpqa_sample(const std::string& folder);

}  // namespace una::eval
