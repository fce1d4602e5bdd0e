#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task.h"

namespace una::eval {

// IFEval: ifeval.jsonl {key, prompt, instruction_id_list, kwargs}.
std::vector<Subtask> load_ifeval(const TaskFiles& files);
std::unique_ptr<TextScorer> make_ifeval_scorer(const std::vector<Subtask>& subtasks,
                                               const ScorerOptions& options);
void write_ifeval_sample(const std::string& folder);

}  // namespace una::eval
