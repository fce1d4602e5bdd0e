#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// MATH, level 5: math_test.jsonl or math_NAME.jsonl {problem, solution, level, type}, and math_fewshot.jsonl {problem,
// solution} with the four examples of the harness.
std::vector<Subtask> load_math_hard(const TaskFiles& files);
std::unique_ptr<TextScorer> make_math_hard_scorer(const std::vector<Subtask>& subtasks,
                                                  const ScorerOptions& options);
void write_math_hard_sample(const std::string& folder);

}  // namespace una::eval
