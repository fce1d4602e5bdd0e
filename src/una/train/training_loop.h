#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "una/data/pack.h"
#include "una/report/run_log.h"
#include "una/train/checkpoint.h"
#include "una/train/evaluator.h"
#include "una/train/step_runner.h"
#include "una/train/train_options.h"

namespace una::train {

// What the loop works with, made by room run; everything outlives the loop.
struct LoopParts {
  StepRunner* runner = nullptr;
  StepSource* stream = nullptr;
  report::RunLog* log = nullptr;
  std::vector<StepBatch> eval_batches;  // empty: no evaluation on rows
  std::vector<Evaluator*> evaluators;  // own answers, tasks; run at step 0 too, and with the rows' evaluation
  double tokens_per_row = 1;           // for the estimate of the time left
  std::string output_dir;
  std::string config;  // run.yaml
  std::map<std::string, std::string> identity, facts;
  // The operations of a step over all ranks, and the rate of these in products: for `mfu` in the log. Empty: there is none.
  std::function<double(const StepBatch&)> operations;
  double operations_per_second = 0;
  std::function<void(const std::string& folder)> write_model;
  std::function<void()> before_checkpoint;  // may refuse it by an InputError
  std::function<void()> after_checkpoint;   // one of a step above 0 is on the disk
  std::string title = "training";
  double save_before = 0;  // seconds since the program began at which the run is saved and stopped; 0: never
  std::int64_t saved_step = -1;  // of the checkpoint that the run goes on from; -1: a fresh run
  std::int64_t stop_at =
      0;  // a step at which the run pauses with a checkpoint, its schedule unchanged; 0: none
};

// How a run ended.
struct LoopResult {
  std::int64_t steps = 0;  // in total, including those before a resume
  std::int64_t tokens = 0;
  double seconds = 0;     // of this process
  double train_loss = 0;  // mean over the steps of this process
  bool interrupted = false;
  bool paused = false;         // at LoopParts::stop_at
  bool stopped_early = false;  // early_stopping_patience evaluations without an improvement
  bool has_best = false;
  std::int64_t best_step = 0;
  double best_metric = 0;
  std::map<std::string, double> last_train;  // the latest value of each metric: a reward is not in every row
  std::map<std::string, double> last_eval;   // of the last evaluation
};

// Whether more of an evaluation's metric is better: greater_is_better, else by the metric's name.
bool is_greater_better(const TrainOptions& options, const std::string& metric);
std::int64_t total_steps(const TrainOptions& options, std::int64_t steps_per_epoch);
// Steps between evaluations; 0: there are none. The last step has one whatever the period.
std::int64_t evaluation_period(const TrainOptions& options, std::int64_t total, std::int64_t steps_per_epoch);
// Evaluations of the steps after `step` up to `total`.
std::int64_t evaluations_left(std::int64_t step, std::int64_t total, std::int64_t period);

// Trains from `start` (a fresh RunState, or a checkpoint's) to the end or until a signal to any rank, on which it saves
// a checkpoint and returns with `interrupted`. A step that is under way then is left between two micro-batches and done
// again after a resume. On several ranks only the first writes files and log rows. Non-finite numbers:
// bad_batch_<step>.jsonl, then a skip or an InputError.
LoopResult run_loop(const TrainOptions& options, const LoopParts& parts, const RunState& start);

}  // namespace una::train
