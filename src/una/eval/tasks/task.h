#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/eval/tasks/item.h"
#include "una/eval/tasks/task_files.h"

// The six tasks of the Open LLM Leaderboard (version 2), from local files, as lm-evaluation-harness 0.4.13 asks and scores
// them. A task is one file here and one line in registry.cpp.
namespace una::eval {

// Scores written answers.
class TextScorer {
 public:
  virtual ~TextScorer() = default;
  virtual std::vector<MetricPart> score(const Item& item, const std::string& answer) const = 0;
  virtual std::string remark() const { return ""; }  // what the user must know of its verdicts; "": nothing
};

// What scorers need besides the rows.
struct ScorerOptions {
  std::string nltk_data;  // see find_punkt_folder
};

// How the leaderboard makes one number of a task.
enum class Normalised : std::uint8_t {
  kSubtasks,  // each subtask less its chance, clipped at 0, then their plain mean
  kWhole,     // the pooled score less its chance
  kIfeval,    // the mean of prompt-level and instruction-level strict accuracy
};

// One benchmark: its files, its prompts, its metric.
struct Task {
  std::string name;  // "bbh"
  std::string summary;
  std::string metric;  // the one that the leaderboard reports
  Normalised normalised = Normalised::kWhole;
  // Reads DIR's files for the task. InputError names what is missing or wrong.
  std::vector<Subtask> (*load)(const TaskFiles& files) = nullptr;
  // Null: multiple choice.
  std::unique_ptr<TextScorer> (*make_scorer)(const std::vector<Subtask>& subtasks,
                                             const ScorerOptions& options) = nullptr;
  std::int64_t max_gen_toks = 0;  // longest written answer
  std::vector<std::string> stop;  // strings that end it
  // Writes a few rows of our own in the task's shapes.
  void (*write_sample)(const std::string& folder) = nullptr;

  bool by_choice() const { return make_scorer == nullptr; }
};

const std::vector<Task>& tasks();                // in the leaderboard's order
const Task& find_task(const std::string& name);  // InputError suggests the nearest name

// acc and acc_norm of a multiple-choice row. acc: the choice with the highest log-likelihood; acc_norm: with the highest
// per character (code points of the choice without the space). The first of equals counts.
std::vector<MetricPart> score_choices(const Item& item, const std::vector<double>& loglikelihoods);

}  // namespace una::eval
