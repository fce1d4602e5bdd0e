#pragma once

#include <string>
#include <vector>

#include "una/eval/tasks/task_files.h"
#include "una/reward/reward.h"

namespace una::eval {

// A prompt with answers of which the first `right` are the better ones.
struct PreferenceRow {
  Where where;
  std::string subset;  // "" where the row names none
  std::string id;      // RewardBench 2: "ref:7", "tied:7"
  std::vector<reward::Question> answers;
  std::size_t right = 1;
};

// Pairs in any shape that una trains on (docs/data.md), with RewardBench's `subset`. InputError names the row that is not
// a pair; ties and pairs of equal answers are left out, and counted in `left_out`.
std::vector<PreferenceRow> read_pairs(const std::vector<rows::JsonRow>& rows, bool apply_chat_template,
                                      std::int64_t& left_out);

// RewardBench 2: prompt, chosen and rejected as lists, id, subset, num_correct.
std::vector<PreferenceRow> read_best_of(const std::vector<rows::JsonRow>& rows, bool apply_chat_template);

}  // namespace una::eval
