#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "una/study/evaluate/eval_model.h"
#include "una/study/evaluate/win_eval.h"
#include "una/wins/answer_journal.h"
#include "una/wins/question_rows.h"

namespace una::study {

// A policy's answers to the rows of a task: [row * num_samples + sample].
using WrittenAnswers = std::vector<wins::WrittenAnswer>;

// The conversation that turn number `turn` of an answer belongs to, as rewards read it.
reward::Question question_of_turn(const wins::QuestionRow& row, const wins::WrittenAnswer& answer,
                                  std::size_t turn);

// Writes what OUT/POLICY/TASK.answers.jsonl does not hold yet. nullopt: a signal came; what is finished is in the file.
std::optional<WrittenAnswers> write_answers(const std::string& task,
                                            const std::vector<wins::QuestionRow>& rows, EvalModel& model,
                                            const EvalPolicy& policy, const WinOptions& options);

// A file of answers: rows with `prompt` or `instruction`, and `answer`, `output` or `completion`; each row of the task
// is matched by its prompt. InputError names the row that has none.
WrittenAnswers read_other_answers(const std::string& path, const std::vector<wins::QuestionRow>& rows);

}  // namespace una::study
