#include "una/train/training_loop.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <c10/util/Exception.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/kernels/devices.h"
#include "una/report/console_row.h"
#include "una/report/progress_bar.h"
#include "una/train/early_stopping.h"
#include "una/train/schedule.h"

namespace una::train {
namespace {

// What an evaluation tells of its own time.
constexpr const char* kEvalTimes[] = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"};

bool lower_is_better(const std::string& metric) {
  return metric.find("loss") != std::string::npos || metric.find("kl") != std::string::npos ||
         metric.find("perplexity") != std::string::npos;
}

// One run of the loop.
class Loop {
 public:
  Loop(const TrainOptions& options, const LoopParts& parts, const RunState& start)
      : options_(options),
        parts_(parts),
        state_(start),
        steps_per_epoch_(parts.stream->steps_per_epoch()),
        total_(total_steps(options, steps_per_epoch_)),
        schedule_{options.lr_scheduler_type, warmup(), total_, options.min_lr_ratio},
        gang_(parts.runner->gang()),
        begin_(monotonic_seconds()),
        saved_at_(parts.saved_step),
        eval_due_(start.evaluation_due),
        stopping_early_(options.early_stopping_patience, options.early_stopping_threshold) {
    stopping_early_.restore(start.early_stopping);
    if (gang_.leads()) {
      const char* unit =
          parts.tokens_per_row == LoopParts{}.tokens_per_row ? "rows" : "tokens";  // not known before
      bar_.emplace(parts.title, std::max(1.0, static_cast<double>(total_) * step_tokens()), unit,
                   static_cast<double>(start.position.step) * step_tokens());
    }
  }

  LoopResult run();

 private:
  std::int64_t warmup() const {
    return options_.warmup_steps > 0
               ? options_.warmup_steps
               : static_cast<std::int64_t>(std::ceil(options_.warmup_ratio * double(total_)));
  }
  std::int64_t rows_per_step() const {
    return options_.per_device_train_batch_size * options_.gradient_accumulation_steps;
  }
  double step_tokens() const { return parts_.tokens_per_row * static_cast<double>(rows_per_step()); }
  double elapsed() const { return state_.elapsed_seconds + monotonic_seconds() - begin_; }
  double epoch() const {
    return double(state_.position.step) / double(std::max<std::int64_t>(1, steps_per_epoch_));
  }

  bool wants_stop() const {
    return interrupted() || (parts_.save_before > 0 && process_age_seconds() > parts_.save_before);
  }
  // A signal that one rank saw stops all of them at the same place.
  bool stopping() { return gang_.any(wants_stop()); }
  bool pauses() const {
    return parts_.stop_at > 0 && state_.position.step >= parts_.stop_at && parts_.stream->resumable();
  }
  void write_row(const report::LogRow& row) {
    if (gang_.leads()) { parts_.log->write(row, elapsed(), bar_->remaining()); }
  }

  void steps();
  void one_step();
  bool tried_step(StepBatch& batch, StepResult& result);
  void refuse_step(const StepResult& result);
  // Means and derived values; the sums they are derived from ("_...") are left out.
  std::map<std::string, double> logged(const MetricSums& sums, const std::string& prefix);
  void write_log();
  StepResult fitted_step(StepBatch& batch);
  void evaluate_start();
  bool evaluate();
  MetricSums evaluator_metrics();
  void account_evaluation(report::LogRow& row, double seconds, double rows);
  const double* best_metric_of(const std::map<std::string, double>& values, std::string& name) const;
  void check_best_name();
  void consider_best(const std::map<std::string, double>& values);
  bool within_budget(const std::map<std::string, double>& values) const;
  void save();
  void check_ranks_agree();
  void write_state();
  void delete_surplus();
  bool due(const std::string& strategy, std::int64_t every) const;
  bool evaluates_now() const;

  const TrainOptions& options_;
  const LoopParts& parts_;
  RunState state_;
  std::int64_t steps_per_epoch_, total_;
  Schedule schedule_;
  dist::Gang& gang_;
  std::optional<report::ProgressBar> bar_;  // of the rank that leads
  double begin_;
  MetricSums since_log_;
  double log_begin_ = 0, log_operations_ = 0, loss_sum_ = 0, learning_rate_ = 0, grad_norm_ = 0;
  std::int64_t log_tokens_ = 0, steps_here_ = 0, saved_at_;
  bool eval_due_ = false, save_due_ = false;
  bool stopped_ = false;  // within a step or an evaluation, on all ranks
  EarlyStopping stopping_early_;
  double eval_seconds_ = 0;
  LoopResult result_;
};

bool Loop::due(const std::string& strategy, std::int64_t every) const {
  const std::int64_t step = state_.position.step;
  if (strategy == "steps") { return every > 0 && step % every == 0; }
  return strategy == "epoch" && step % steps_per_epoch_ == 0;
}

bool Loop::evaluates_now() const {
  if (parts_.eval_batches.empty() && parts_.evaluators.empty()) { return false; }
  const std::int64_t period = evaluation_period(options_, total_, steps_per_epoch_);
  return period > 0 && (state_.position.step == total_ || state_.position.step % period == 0);
}

void Loop::refuse_step(const StepResult& result) {
  const std::string path = cat(parts_.output_dir, "/bad_batch_", state_.position.step + 1, ".jsonl");
  if (gang_.leads()) {
    write_file(path, join(result.bad_rows, "\n") + (result.bad_rows.empty() ? "" : "\n"));
  }
  gang_.barrier();  // the file is there before any rank ends the run
  ++state_.skipped_steps;
  const std::string message =
      cat("step ", state_.position.step + 1, ": ", result.trouble, "; its rows are in ", path);
  check_input(state_.skipped_steps <= options_.skip_nonfinite, message,
              "; the optimiser was not called and what is saved remains. Lower learning_rate, look at the "
              "rows, or allow skips with --skip_nonfinite N");
  log_warning(
      cat(message, "; skipped (", state_.skipped_steps, " of ", options_.skip_nonfinite, " allowed)"));
}

// Runs the step. If it does not fit into a device's memory, it is run again in smaller micro-batches, and `batch` is
// replaced by those.
StepResult Loop::fitted_step(StepBatch& batch) {
  objective::Objective& loss = *parts_.runner->set().objective;
  const Json before = loss.state();
  for (;;) {
    try {
      return parts_.runner->step(
          batch, state_.position.step + 1, learning_rate_,
          options_.value_learning_rate * schedule_factor(schedule_, state_.position.step));
    } catch (const c10::OutOfMemoryError&) {
      const std::int64_t budget = parts_.stream->shrink();
      check_input(
          budget > 0, "step ", state_.position.step + 1,
          " does not fit into the device's memory, and cannot be cut ",
          "smaller; what is saved remains. Less is needed with --gradient_checkpointing true, a smaller ",
          "--max_tokens_per_micro_batch or --max_length");
      log_warning(cat("step ", state_.position.step + 1,
                      " does not fit into the device's memory; it is run again, ",
                      "from here on with max_tokens_per_micro_batch ", budget));
    }
    loss.load_state(before);
    batch = parts_.stream->next();
  }
}

// The next step, unless a stop is asked for while it is computed: false on all ranks, and all is as before. Within a round of
// samples a step goes to its end, since the run could not be resumed from there.
bool Loop::tried_step(StepBatch& batch, StepResult& result) {
  objective::Objective& loss = *parts_.runner->set().objective;
  const Json loss_before = loss.state(), source_before = parts_.stream->state();
  const bool may_stop = parts_.stream->resumable();
  batch = parts_.stream->next();
  if (may_stop) {
    parts_.runner->stop_when([this] { return wants_stop(); });
  }
  try {
    result = fitted_step(batch);
  } catch (const StepStopped&) {
    loss.load_state(loss_before);
    parts_.stream->load_state(source_before);
    stopped_ = true;
  }
  parts_.runner->stop_when({});
  return !stopped_;
}

void Loop::one_step() {
  StepBatch batch;
  StepResult result;
  learning_rate_ = options_.learning_rate * schedule_factor(schedule_, state_.position.step);
  if (!tried_step(batch, result)) { return; }
  if (!result.applied && result.verdict == StepVerdict::kApply) {
    if (result.bad_rows.empty()) {
      for (const PackedBatch& micro : batch.micro_batches) {
        for (const Where& where : micro.rows) {
          result.bad_rows.push_back(dump_json({{"file", where.file}, {"line", where.line}}));
        }
      }
    }
    refuse_step(result);
  } else {
    parts_.stream->end_step(result.verdict, result.metrics);
    since_log_.merge(result.metrics);
    since_log_.merge(batch.metrics);
    since_log_.add("loss", result.loss);
    loss_sum_ += result.loss;
    grad_norm_ = result.grad_norm;
    ++steps_here_;
  }
  log_tokens_ += batch.tokens;
  if (parts_.operations) { log_operations_ += parts_.operations(batch); }
  state_.tokens_seen += batch.tokens;
  ++state_.position.step;
  state_.position.epoch = parts_.stream->position().epoch;
  state_.position.row = parts_.stream->position().row;
  if (!bar_) { return; }
  std::map<std::string, double> means = result.metrics.means();
  means.merge(batch.metrics.means());
  means["loss"] = result.loss;
  bar_->advance(step_tokens(), report::bar_note(state_.position.step, total_, means));
}

std::map<std::string, double> Loop::logged(const MetricSums& sums, const std::string& prefix) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : sums.means()) {
    if (name[0] != '_') { values[prefix + name] = value; }
  }
  for (const auto& [name, value] : parts_.runner->set().objective->derived(sums)) {
    values.emplace(prefix + name, value);
  }
  return values;
}

void Loop::write_log() {
  report::LogRow row{.step = state_.position.step, .epoch = epoch(), .values = logged(since_log_, "")};
  const double now = monotonic_seconds();
  row.values["grad_norm"] = grad_norm_;
  row.values["learning_rate"] = learning_rate_;
  row.values["num_tokens"] = static_cast<double>(state_.tokens_seen);
  const double seconds = std::max(1e-9, now - log_begin_);
  row.values["tokens_per_second"] = double(log_tokens_) / seconds;
  if (parts_.operations) { row.values["mfu"] = log_operations_ / seconds / parts_.operations_per_second; }
  row.values["memory_mb"] = static_cast<double>(current_memory_bytes()) / 1048576;
  const at::Device device = parts_.runner->set().model->device();
  if (!device.is_cpu()) {
    row.values["device_memory_mb"] = static_cast<double>(kernels::device_memory(device).used) / 1048576;
  }
  write_row(row);
  for (const auto& [name, value] : row.values) { result_.last_train[name] = value; }
  since_log_.clear();
  log_tokens_ = 0;
  log_operations_ = 0;
  log_begin_ = now;
}

MetricSums Loop::evaluator_metrics() {
  MetricSums sums;
  for (Evaluator* evaluator : parts_.evaluators) { sums.merge(evaluator->evaluate(state_.position.step)); }
  return sums;
}

// Evaluations take part in the time left, but say nothing about the speed of the steps.
void Loop::account_evaluation(report::LogRow& row, double seconds, double rows) {
  row.values[kEvalTimes[0]] = seconds;
  row.values[kEvalTimes[1]] = rows / std::max(1e-9, seconds);
  eval_seconds_ += seconds;
  if (!bar_) { return; }
  const std::int64_t period = evaluation_period(options_, total_, steps_per_epoch_);
  bar_->set_aside(eval_seconds_,
                  seconds * static_cast<double>(evaluations_left(state_.position.step, total_, period)));
}

// What later evaluations are compared with. It is not a candidate for the best model: nothing was learnt yet. A metric that
// no evaluation will have is told here, before anything is trained.
void Loop::evaluate_start() {
  const bool known = std::all_of(parts_.evaluators.begin(), parts_.evaluators.end(),
                                 [](const Evaluator* evaluator) { return evaluator->has_start(); });
  const bool none = evaluation_period(options_, total_, steps_per_epoch_) == 0;
  if (known || none || state_.position.step > 0 || stopping()) { return; }
  const double begin = monotonic_seconds();
  const MetricSums sums = evaluator_metrics();
  report::LogRow row{.step = 0, .epoch = 0, .values = logged(sums, "eval_")};
  account_evaluation(row, monotonic_seconds() - begin, sums.count("completions/mean_length"));
  write_row(row);
  std::string name;
  if (parts_.eval_batches.empty()) { best_metric_of(row.values, name); }
}

// False where a signal came: nothing was logged, and the resumed run evaluates this step.
bool Loop::evaluate() {
  const double begin = monotonic_seconds();
  MetricSums sums;
  double rows = 0;
  parts_.runner->stop_when([this] { return wants_stop(); });
  try {
    for (const StepBatch& batch : parts_.eval_batches) {
      sums.merge(parts_.runner->evaluate(batch));
      rows += static_cast<double>(batch.rows);
    }
  } catch (const StepStopped&) { stopped_ = true; }
  parts_.runner->stop_when({});
  if (stopped_) { return false; }
  const MetricSums more = evaluator_metrics();
  rows += more.count("completions/mean_length");
  sums.merge(more);
  const double seconds = std::max(1e-9, monotonic_seconds() - begin);
  report::LogRow row{.step = state_.position.step, .epoch = epoch(), .values = logged(sums, "eval_")};
  account_evaluation(row, seconds, rows);
  row.values[kEvalTimes[2]] = static_cast<double>(parts_.eval_batches.size()) / seconds;
  write_row(row);
  result_.last_eval = row.values;
  eval_due_ = false;
  consider_best(row.values);
  return true;
}

// A policy too far from the reference is not a candidate, whatever its reward (over-optimisation).
bool Loop::within_budget(const std::map<std::string, double>& values) const {
  if (options_.kl_budget == 0) { return true; }
  const auto kl = values.find("eval_kl");
  check_input(kl != values.end(), "kl_budget: the evaluation has no eval_kl");
  return kl->second <= options_.kl_budget;
}

// Null, with a warning, where an evaluation later than the first lacks the metric: no answer got a score.
const double* Loop::best_metric_of(const std::map<std::string, double>& values, std::string& name) const {
  name = options_.metric_for_best_model;
  if (values.count(name) == 0) { name = "eval_" + name; }
  const auto found = values.find(name);
  if (found != values.end()) { return &found->second; }
  if (!parts_.evaluators.empty() && state_.position.step > 0) {
    log_warning(cat("step ", state_.position.step, ": the evaluation has no ", name,
                    "; it is neither the best nor counted for early stopping"));
    return nullptr;
  }
  std::vector<std::string> known;
  for (const auto& [key, value] : values) { known.push_back(key); }
  throw InputError(cat("metric_for_best_model: '", options_.metric_for_best_model,
                       "' is not among the metrics of the evaluation: ", join(known, ", ")));
}

// A name that no evaluation gives is found by one batch before the first step. Evaluators tell it at step 0.
void Loop::check_best_name() {
  const bool is_default = options_.metric_for_best_model == TrainOptions{}.metric_for_best_model;
  if (is_default || parts_.eval_batches.empty() || !parts_.evaluators.empty()) { return; }
  std::map<std::string, double> values =
      logged(parts_.runner->evaluate(parts_.eval_batches.front()), "eval_");
  for (const char* name : kEvalTimes) { values.emplace(name, 0); }
  std::string name;
  best_metric_of(values, name);
}

void Loop::consider_best(const std::map<std::string, double>& values) {
  std::string name;
  const double* metric = best_metric_of(values, name);
  if (metric == nullptr) { return; }
  const bool greater = is_greater_better(options_, name);
  const bool within = within_budget(values);
  stopping_early_.see({.value = *metric,
                       .greater_is_better = greater,
                       .counts = within,
                       .has_best = state_.has_best,
                       .best = state_.best_metric});
  const bool better =
      !state_.has_best || (greater ? *metric > state_.best_metric : *metric < state_.best_metric);
  if (!within || !better || !std::isfinite(*metric)) { return; }
  state_.has_best = true;
  state_.best_metric = *metric;
  state_.best_step = state_.position.step;
  if (options_.load_best_model_at_end) { save(); }
}

// Nothing to do where no step was made since the newest checkpoint, above all right after a resume: writing that
// checkpoint again would only put it at risk.
void Loop::save() {
  if (saved_at_ == state_.position.step) { return; }
  saved_at_ = state_.position.step;
  if (parts_.before_checkpoint) { parts_.before_checkpoint(); }
  check_ranks_agree();
  if (gang_.leads()) {
    write_state();
    delete_surplus();
  } else if (!options_.save_only_model) {
    hand_over_moments(parts_.runner->buffer(), gang_);
  }
  gang_.barrier();
}

// Every rank applies the same update to the same weights. Machines that compute differently would part unseen.
void Loop::check_ranks_agree() {
  if (gang_.size() == 1) { return; }
  const at::Tensor values = parts_.runner->buffer().values().to(at::kCPU).contiguous();
  const std::vector<std::string> hashes =
      gang_.gather_all(hash_hex({static_cast<const char*>(values.const_data_ptr()), values.nbytes()}));
  for (int rank = 1; rank < gang_.size(); ++rank) {
    check_input(
        hashes[static_cast<std::size_t>(rank)] == hashes.front(), "rank ", rank,
        " has other weights than rank 0 after step ", state_.position.step,
        ": their processors or libraries compute differently; give the ranks machines of one kind (what was ",
        "saved before is good)");
  }
}

void Loop::write_state() {
  RunState state = state_;
  state.updates = parts_.runner->updates();
  state.elapsed_seconds = elapsed();
  state.objective = parts_.runner->set().objective->state();
  state.source = parts_.stream->state();
  state.config = parts_.config;
  state.identity = parts_.identity;
  state.facts = parts_.facts;
  for (const Evaluator* evaluator : parts_.evaluators) {
    if (evaluator->has_start()) { state.evaluators[evaluator->name()] = evaluator->state(); }
  }
  state.early_stopping = stopping_early_.count();
  state.evaluation_due = eval_due_;
  report::TrainerState trainer{.global_step = state.position.step,
                               .max_steps = total_,
                               .logging_steps = options_.logging_steps,
                               .eval_steps = options_.eval_steps,
                               .save_steps = options_.save_steps,
                               .train_batch_size = options_.per_device_train_batch_size,
                               .num_input_tokens_seen = state.tokens_seen,
                               .epoch = epoch(),
                               .num_train_epochs = options_.num_train_epochs};
  if (state.has_best) {
    trainer.has_best = true;
    trainer.best_metric = state.best_metric;
    trainer.best_global_step = state.best_step;
    trainer.best_model_checkpoint = checkpoint_folder(parts_.output_dir, state.best_step);
  }
  write_checkpoint(parts_.output_dir, state, parts_.runner->buffer(),
                   {.write_model = parts_.write_model,
                    .trainer_state = report::print_trainer_state(trainer, parts_.log->history()),
                    .optimizer = !options_.save_only_model,
                    .value_head = parts_.runner->value_buffer(),
                    .gang = &gang_});
  if (parts_.after_checkpoint && state.position.step > 0) { parts_.after_checkpoint(); }
}

void Loop::delete_surplus() {
  const std::int64_t best = state_.has_best ? state_.best_step : -1;
  for (const std::int64_t step :
       steps_to_delete(checkpoint_steps(parts_.output_dir), options_.save_total_limit, best)) {
    remove_checkpoint(checkpoint_folder(parts_.output_dir, step));
  }
}

void Loop::steps() {
  evaluate_start();
  while (!(stopping() && parts_.stream->resumable())) {
    // Half of a round's samples are used: wait until the round ends.
    if (parts_.stream->resumable()) {
      if (eval_due_ && !evaluate()) { return; }
      if (std::exchange(save_due_, false)) { save(); }
      if (stopping_early_.due()) { break; }
    }
    if (state_.position.step >= total_ || pauses()) { break; }
    one_step();
    if (stopped_) { return; }
    const bool last = state_.position.step == total_;
    if (due("steps", options_.logging_steps) || last || state_.position.step == 1) { write_log(); }
    eval_due_ |= evaluates_now();
    save_due_ |= options_.save_strategy != "no" && due(options_.save_strategy, options_.save_steps);
  }
}

LoopResult Loop::run() {
  check_best_name();
  log_begin_ = monotonic_seconds();
  try {
    steps();
  } catch (const Interrupted& stopped) {
    // A signal during a wait for a judge: only the round in progress is lost.
    if (!parts_.stream->resumable()) { throw; }
    log_info(stopped.what());
  }
  const bool unfinished = state_.position.step < total_;
  result_.stopped_early = stopping_early_.due() && unfinished;
  result_.interrupted = (stopped_ || stopping()) && unfinished && !result_.stopped_early;
  result_.paused = pauses() && unfinished && !result_.stopped_early && !result_.interrupted;
  if (bar_) { bar_->finish(result_.interrupted ? "stopped" : result_.paused ? "paused" : "done"); }
  if (result_.interrupted || result_.paused) { save(); }
  result_.steps = state_.position.step;
  result_.tokens = state_.tokens_seen;
  result_.seconds = monotonic_seconds() - begin_;
  result_.train_loss = steps_here_ == 0 ? 0 : loss_sum_ / static_cast<double>(steps_here_);
  result_.has_best = state_.has_best;
  result_.best_step = state_.best_step;
  result_.best_metric = state_.best_metric;
  return result_;
}

}  // namespace

bool is_greater_better(const TrainOptions& options, const std::string& metric) {
  return options.greater_is_better.value_or(!lower_is_better(metric));
}

std::int64_t total_steps(const TrainOptions& options, std::int64_t steps_per_epoch) {
  if (options.max_steps > 0) { return options.max_steps; }
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(
             std::ceil(options.num_train_epochs * static_cast<double>(steps_per_epoch) - 1e-9)));
}

std::int64_t evaluation_period(const TrainOptions& options, std::int64_t total,
                               std::int64_t steps_per_epoch) {
  if (options.eval_strategy == "no") { return 0; }
  if (options.eval_strategy == "epoch") { return steps_per_epoch; }
  return options.eval_steps > 0 ? options.eval_steps : std::max(options.logging_steps, (total + 9) / 10);
}

std::int64_t evaluations_left(std::int64_t step, std::int64_t total, std::int64_t period) {
  if (period <= 0 || step >= total) { return 0; }
  return (total - 1) / period - step / period + 1;
}

LoopResult run_loop(const TrainOptions& options, const LoopParts& parts, const RunState& start) {
  return Loop(options, parts, start).run();
}

}  // namespace una::train
