#pragma once

#include <string>
#include <vector>

#include "una/report/eval_page.h"
#include "una/setup/reward_setup.h"
#include "una/study/evaluate/eval_model.h"

namespace una::study {

// How often an adapter's answers are better than the model's own, or than answers from a file.
struct WinOptions {
  std::string data_folder, output_folder;
  std::vector<std::string> rewards;  // names of setup::make_rewards, each evaluated by itself
  std::string against;  // a file of answers; "": the model alone, or the answers that the task brings
  std::int64_t limit = 0, max_new_tokens = 512, batch_size = 64, num_samples = 1, judge_repeats = 20;
  double temperature = 1;
  bool apply_chat_template = false;
  setup::RewardKeys keys;
  setup::Compute compute;
};

bool is_win_task(const std::string& name);

// What is shown of it in report.html.
struct WinPages {
  std::vector<report::EvalPageTable> tables;
  std::vector<report::AnswerTable> answers;
};

// Answers the rows of the tasks by the model and its adapters, compares them by every reward, prints the tables and writes
// wins.json, wins.txt and, per policy, the answers. The same command goes on where a stopped one was. Exit code.
int evaluate_wins(const std::vector<std::string>& tasks, EvalModel& model, const WinOptions& options,
                  WinPages& pages);

}  // namespace una::study
