#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"

namespace una::report {

// One logged row: bare names in train rows, "eval_" names in eval rows (ecosystem.md section 8).
struct LogRow {
  std::int64_t step = 0;
  double epoch = 0;
  std::map<std::string, double> values;
};

// Where a run logs.
struct RunLogOptions {
  std::string output_dir;
  bool tensorboard = true;
  std::string logging_dir;                         // "" = output_dir/runs/<date>_<host>
  bool mlflow = false;                             // output_dir/mlruns, a file store of MLflow
  bool wandb = false;                              // output_dir/wandb, a run of W&B's offline mode
  std::string project = "huggingface";             // of W&B
  std::map<std::string, std::string> params = {};  // the run's keys, for trackers that show them
  bool console_rows = true;  // print rows on standard error, above the bar of a terminal
};

// Where numbers go: metrics.jsonl (the source of truth: every row with current_steps, total_steps,
// percentage, elapsed_time, remaining_time), TensorBoard events, MLflow's file store, W&B's offline folder, the console. `resume_step` >= 0 cuts
// metrics.jsonl back to rows up to that step first. Rows are appended and flushed at once.
class RunLog {
 public:
  RunLog(const RunLogOptions& options, std::int64_t total_steps, std::int64_t resume_step);
  ~RunLog();
  // elapsed and remaining in seconds
  void write(const LogRow& row, double elapsed, double remaining);
  const std::vector<LogRow>& history() const;  // all rows so far, those of before a resume included

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Hugging Face's trainer_state.json.
struct TrainerState {
  std::int64_t global_step = 0, max_steps = 0, logging_steps = 0, eval_steps = 0, save_steps = 0;
  std::int64_t train_batch_size = 0, num_input_tokens_seen = 0;
  double epoch = 0, num_train_epochs = 0;
  std::string best_model_checkpoint, metric_name;
  double best_metric = 0;
  bool has_best = false;
  std::int64_t best_global_step = 0;
};
std::string print_trainer_state(const TrainerState& state, const std::vector<LogRow>& history);

}  // namespace una::report
