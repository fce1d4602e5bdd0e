#pragma once

#include <string>
#include <vector>

#include "una/dist/ranks.h"
#include "una/report/eval_page.h"
#include "una/rows/data_options.h"
#include "una/setup/model_setup.h"
#include "una/setup/reward_setup.h"

namespace una::study {

// How well rewards tell the better answer: tasks of `una eval` that need no model of their own.
struct PreferenceOptions {
  std::string data_folder, output_folder;
  std::vector<std::string> rewards;  // names of setup::make_rewards, each evaluated by itself
  std::int64_t limit = 0;
  bool apply_chat_template = false;
  setup::RewardKeys keys;
  setup::Compute compute;
};

bool is_preference_task(const std::string& name);
std::vector<std::string> preference_tasks();

// Scores the rows of the tasks ("rewardbench", "rewardbench2", "pairs") by every reward, prints the tables and writes
// preferences.json, preferences.txt and a file of scores per task into the output folder, which exists. Exit code.
// What report.html shows of it goes to `pages`. The same command goes on where a stopped one was. Every rank of the gang
// calls it and scores its share; rank 0 writes.
int evaluate_preferences(const std::vector<std::string>& tasks, const PreferenceOptions& options,
                         dist::Ranks& gang, std::vector<report::EvalPageTable>& pages);

// Rows of our own in the tasks' shapes.
void write_preference_sample(const std::string& folder);

}  // namespace una::study
