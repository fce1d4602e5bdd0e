#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/core/example.h"
#include "una/eval/tasks/task_files.h"

namespace una::wins {

// A question that policies answer in words, in one turn or in two.
struct QuestionRow {
  Where where;
  Example prompt;                        // the first turn, without answers
  std::vector<std::string> later_turns;  // the user's, each asked when the turn before it is answered
  std::vector<std::string> references;   // right answers, one a turn, where the file has them
  std::string category;                  // "" where the file names none
  std::optional<double> temperature;     // MT-Bench's, by category
  std::optional<std::string> other;      // the answer to compare with, where the file brings it
  std::string other_name;                // who wrote it
};

// Tasks that are judged by comparing answers, from the files of --data:
//   win_rate     prompts: rows in any shape that una trains on; their answers are not read
//   alpaca_eval  alpaca_eval: AlpacaEval's {instruction, output, generator}, output being the answer to compare with
//   mt_bench     question: MT-Bench's {question_id, category, turns}; reference_answer {question_id, choices[0].turns}
// InputError names the row that cannot be read. `apply_chat_template`: string prompts are user turns; MT-Bench's always are.
std::vector<std::string> win_tasks();
std::vector<QuestionRow> read_questions(const std::string& task, const eval::TaskFiles& files,
                                        bool apply_chat_template);

// Rows of our own in each shape.
void write_question_sample(const std::string& folder);

}  // namespace una::wins
