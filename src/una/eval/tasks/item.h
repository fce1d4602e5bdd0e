#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"

namespace una::eval {

// One row of a task, as the model is asked.
struct Item {
  Where where;
  std::int64_t number = 0;  // of the row in its subtask, from 0
  std::string context;      // everything before the answer: description, examples, question
  // Multiple choice: what is scored behind a space, and which of them is right (-1: the row's answer is not among them,
  // so that no model is ever right, as in lm-evaluation-harness).
  std::vector<std::string> choices;
  std::int64_t gold = -1;
  Json row;  // as it was read; what scoring a written answer needs
};

// Rows with one file, one description and one number of choices: "bbh_snarks".
struct Subtask {
  std::string name;
  double chance = 0;  // score of blind guessing, which the leaderboard subtracts
  std::vector<Item> items;
};

// What one row contributes to one metric: its share is sum / count over all rows.
struct MetricPart {
  std::string metric;
  double sum = 0, count = 1;
};

}  // namespace una::eval
