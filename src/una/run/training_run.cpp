#include "una/run/training_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <ATen/Parallel.h>

#include "una/base/changed_keys.h"
#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/temporary_folder.h"
#include "una/base/files/watched_file.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/base/utf8.h"
#include "una/data/row_cache.h"
#include "una/kernels/devices.h"
#include "una/kernels/threads.h"
#include "una/report/progress_bar.h"
#include "una/run/evaluation_setup.h"
#include "una/run/loss_pilot.h"
#include "una/run/measured_targets.h"
#include "una/run/online_setup.h"
#include "una/run/plan/mfu.h"
#include "una/run/plan/run_plan.h"
#include "una/run/report_to.h"
#include "una/run/run_accounts.h"
#include "una/run/run_ranks.h"
#include "una/setup/critic_setup.h"
#include "una/setup/merged.h"
#include "una/setup/methods.h"
#include "una/setup/reward_setup.h"
#include "una/views/scores/score_fit_file.h"

namespace una::run {
namespace {

// An earlier run's settings with absolute paths, as this version writes them; the same keys.
Settings with_absolute_paths(const Settings& then) {
  setup::RunConfig config;
  read_options(then, config);
  const Settings all =
      parse_yaml_settings(print_options(setup::with_absolute_paths(config)), "the earlier run");
  Settings out;
  for (const auto& [key, value] : all.all()) {
    if (then.has(key)) { out.set(key, value); }
  }
  return out;
}

// run.yaml and adapter_config.json hold paths, and both are UTF-8.
void check_utf8_keys(const std::string& yaml) {
  for (const std::string& line : split(yaml, '\n')) {
    check_input(find_invalid_utf8(line) == std::string::npos, "the key ", line, ": the value is not UTF-8, ",
                "and could not be written to run.yaml; rename the file or folder");
  }
}

// The parts of one run, built in order: each stage is one function.
class TrainingRun {
 public:
  TrainingRun(const setup::RunConfig& config, dist::Ranks& gang, const Stops& stops, bool split_moments)
      : config_(config), gang_(gang), stops_(stops), split_moments_(split_moments && gang.size() > 1) {}
  int run();
  RunPlan plan();

 private:
  bool is_online() const { return setup::is_online(config_.method); }
  void check_config();
  void fit_max_length(const ModelSpec& spec);
  void open_output();
  void once_a_machine(const std::function<void()>& read);
  void load_rows();
  void load_model();
  void make_steps();
  void start_output(const std::string& checkpoint);
  void check_start();
  void check_resume(const std::string& checkpoint);
  void describe() const;
  void check_disk() const;
  void precompute();
  train::LoopParts loop_parts();
  int finish(const train::LoopResult& result);
  void write_result(const train::LoopResult& result);
  std::map<std::string, std::string> identity() const;
  std::string dropped_path() const { return temporary_.path() + "/dropped.jsonl"; }
  std::string run_yaml() const { return print_options(setup::with_absolute_paths(config_)); }

  setup::RunConfig config_;
  dist::Ranks& gang_;
  Stops stops_;
  bool split_moments_;
  double calls_before_ = 0;  // seconds in collectives before the first step
  std::unique_ptr<objective::Objective> objective_;
  setup::ModelSetup model_;
  setup::TextSetup text_;
  RunData data_;
  ModelSpec spec_;
  RunPlan plan_;
  std::unique_ptr<train::StepRunner> runner_;
  OnlineSetup online_;  // online methods
  EvaluationSetup evaluation_;
  std::vector<std::unique_ptr<train::Evaluator>> evaluators_;
  std::unique_ptr<StepSource> stream_;
  std::unique_ptr<report::RunLog> log_;
  train::RunState start_;
  TemporaryFolder temporary_;  // for what is written before the run folder is
  std::unique_ptr<OutputFolder> output_;
};

void TrainingRun::check_config() {
  train::check_options(config_.train);
  kernels::open_device(config_.model.device);
  check_input(!config_.data.dataset_name.empty(), "no data: give a file of rows with --data");
  check_utf8_keys(run_yaml());
  setup::check_options(config_.model);
  check_input(
      !config_.run.save_merged || !config_.model.quantise.any(), "save_merged with ",
      config_.model.quantise.key(),
      ": an adapter is not merged into a quantised base; una merge merges it into the base as it is in "
      "its folder");
  kernels::check_threads(config_.run.threads);
  check_input(config_.run.eval_fraction >= 0 && config_.run.eval_fraction < 1,
              "eval_fraction must be in [0, 1)");
  check_evaluation(config_);
  if (is_online()) { check_online_config(config_); }
  check_report_to(config_.run.report_to);
  check_input(is_online() || config_.online.offline_data.empty(), "offline_data goes with an online method; ",
              config_.method, " reads all its rows from --data");
  check_input(is_online() || !config_.objective.importance_sampling_correction,
              "importance_sampling_correction is for methods that learn from their own samples");
  check_target_kl(config_.objective, is_online());
  objective_ = objective::make_objective(setup::find_method(config_.method).objective, config_.objective);
}

void TrainingRun::fit_max_length(const ModelSpec& spec) {
  const std::int64_t given = config_.data.max_length;
  config_.data.max_length = fitted_max_length(given, spec);
  if (config_.data.max_length == given) { return; }
  log_info(
      cat("max_length ", config_.data.max_length, ", the model's positions (the default is ", given, ")"));
}

// One rank of each machine first, which fills the row cache for the others. Small files have no cache: they are read by
// all at one time.
void TrainingRun::once_a_machine(const std::function<void()>& read) {
  const bool fills_cache = gang_.local_size() > 1 && data::wants_row_cache(config_.data);
  if (!gang_.any(fills_cache)) { return read(); }
  if (gang_.local_rank() == 0) { read(); }
  gang_.wait_for_work();
  if (gang_.local_rank() != 0) { read(); }
}

// Everything but the model, and what the run will need with it.
void TrainingRun::load_rows() {
  constexpr std::int64_t kPlannedRows = 20000;  // half a second at most
  spec_ = setup::read_folder_spec(config_.model.model_name_or_path);
  fit_max_length(spec_);
  text_ = setup::load_text(setup::text_folders(config_.model.model_name_or_path, config_.model.adapter),
                           config_.data, spec_);
  if (text_.tokenizer().size() > spec_.vocab_size) {
    log_warning(cat(text_.folder, ": the tokenizer has ", text_.tokenizer().size(),
                    " ids, but the model's embedding only ", spec_.vocab_size,
                    " rows; a row with one of the others is refused"));
  }
  if (const std::string missing = text_.encoder.missing_generation_prompt(); !missing.empty()) {
    log_warning(setup::generation_prompt_remark(missing));
  }
  once_a_machine([&] {
    data_ = is_online() ? load_prompts(config_, text_, online_)
                        : load_run_data(config_, text_, *objective_, dropped_path());
  });
  if (is_online()) { load_offline(config_, text_, online_); }
  if (!is_online()) { measure_targets(config_, *data_.train, objective_); }
  load_evaluation(config_, text_, spec_, evaluation_);
  plan_ =
      plan_run(config_, spec_, objective_->needs(), *data_.train,
               {.walked_rows = kPlannedRows, .held_out_tokens = held_out_cache_tokens(config_, evaluation_)});
  if (split_moments_) { split_moments(plan_, gang_.size()); }
}

void TrainingRun::load_model() {
  const objective::Objective::Needs needs = objective_->needs();
  model_ = setup::load_for_training(config_, needs.score, needs.reference || needs.kl_rows);
  for (std::int64_t i = 0; needs.survey && !is_online() && i < data_.train->size(); ++i) {
    objective_->observe(data::table_of(data_.train->row(i)));
  }
  check_input(
      config_.train.kl_budget == 0 || model_.reference != nullptr || config_.model.use_peft,
      "kl_budget: this run trains every weight and has no reference to measure a KL to (grpo: give --beta above 0)");
  if (needs.score) { setup::warn_of_pad(text_.folder, spec_, text_.eos_id()); }
  if (needs.value) { setup::add_value_head(model_, config_, objective_->initial_value()); }
  if (needs.token_values) { setup::add_critic(model_, config_); }
  const train::TrainableSet set{.model = model_.model.get(),
                                .policy = model_.policy,
                                .critic = model_.critic,
                                .critic_model = model_.critic_model.get(),
                                .objective = objective_.get(),
                                .reference = model_.reference.get(),
                                .value = model_.value_head.get(),
                                .offline = online_.offline_loss.get(),
                                .offline_weight = config_.online.offline_coef};
  check_input(set.offline == nullptr || set.reference != nullptr || !set.offline->needs().reference,
              "offline_method ", config_.online.offline_method,
              " compares with a reference, which this run does not have (grpo: give --beta above 0)");
  train::StepOptions options = step_options(config_);
  options.split_moments = split_moments_;
  runner_ = std::make_unique<train::StepRunner>(set, options, gang_);
}

void TrainingRun::make_steps() {
  if (is_online()) {
    load_rewards(config_, online_);
    connect_endpoint(config_, text_, model_, gang_, online_);
    if (gang_.size() > 1) { deal_sampling(text_, online_, runner_->set(), gang_); }
    setup::RunConfig config = config_;
    if (!gang_.leads()) { config.run.output_dir.clear(); }  // rank 0 writes samples.jsonl
    stream_ = make_round_source(config, text_, online_, runner_->set());
    return;
  }
  stream_ = std::make_unique<data::StepStream>(*data_.train, config_.rows_per_step(), config_.order_seed(),
                                               config_.train.shuffle, pack_options(config_),
                                               objective_->needs().kl_rows);
}

std::map<std::string, std::string> TrainingRun::identity() const {
  std::map<std::string, std::string> out{{"model", model_.folder.content_hash},
                                         {"data", data_.train->content_hash()},
                                         {"tokenizer and template", text_.content_hash()},
                                         {"start adapter", model_.start_hash}};
  if (model_.reference != nullptr) { out["reference"] = model_.reference->content_hash(); }
  if (online_.offline != nullptr) { out["offline data"] = online_.offline->content_hash(); }
  for (const auto& evaluator : evaluators_) {
    out["evaluation's rows (" + evaluator->name() + ")"] = evaluator->content_hash();
  }
  if (!model_.critic_hash.empty()) { out["critic's start"] = model_.critic_hash; }
  return out;
}

void TrainingRun::check_resume(const std::string& checkpoint) {
  start_ = train::read_checkpoint(checkpoint);
  const Settings then = parse_yaml_settings(start_.config, checkpoint + " (its run.yaml)");
  const Settings now = parse_yaml_settings(run_yaml(), "this run");
  for (const ChangedKey& changed :
       changed_keys(with_absolute_paths(then), now, setup::may_change_on_resume, AbsentKeys::kPass)) {
    throw InputError(cat("resume: ", changed.key, " was ", changed.was, " in ", checkpoint, " and is ",
                         changed.is, " now; a resumed run keeps its settings (or start a new run)"));
  }
  for (const auto& [name, hash] : identity()) {
    const auto old = start_.identity.find(name);
    check_input(old == start_.identity.end() || old->second == hash, "resume: the ", name,
                " is not the one that ", checkpoint,
                " was trained with (its content changed); give the same, or start a new run");
  }
  train::load_optimizer(checkpoint, runner_->buffer(), runner_->value_buffer());
  runner_->set_updates(start_.updates);
  runner_->set().refresh();
  stream_->seek(start_.position);
  try {
    objective_->load_state(start_.objective);
    stream_->load_state(start_.source);
    for (const auto& evaluator : evaluators_) {
      const auto state = start_.evaluators.find(evaluator->name());
      if (state != start_.evaluators.end()) { evaluator->load_state(*state); }
    }
  } catch (const Json::exception& error) {
    throw InputError(cat(checkpoint, "/una_state.json: the running means cannot be read (",
                         json_reason(error), "); resume from another checkpoint"));
  }
  if (const auto threads = start_.facts.find("threads");
      threads != start_.facts.end() && threads->second != threads_text(gang_)) {
    log_warning(cat("the checkpoint was written with ", threads->second, " threads, this run has ",
                    threads_text(gang_), ": numbers will agree closely, not bit for bit"));
  }
  log_info(cat("resuming from ", checkpoint, " at step ", start_.position.step));
}

void TrainingRun::describe() const {
  const ModelSpec& spec = model_.folder.spec;
  log_info(cat("model      ", model_.folder.path, ": ", setup::size_text(model_.folder), ", ",
               setup::dtype_name(model_.model->dtype()), ", ", at::get_num_threads(), " threads"));
  if (const std::string base = setup::quantisation_remark(*model_.model); !base.empty()) {
    log_info("base       " + base);
  }
  const std::string remark = setup::dtype_remark(config_.model, spec);
  if (!remark.empty()) { log_info("dtype      " + remark); }
  log_info(cat("training   ", thousands(runner_->buffer().size()), " parameters (",
               config_.model.use_peft ? "LoRA adapter" : "all of them", "), method ", config_.method));
  if (const std::string line = optimiser_line(runner_->buffer(), gang_); !line.empty()) { log_info(line); }
  if (model_.reference != nullptr) {
    log_info(
        cat("reference  ", model_.reference->description(), " (", model_.reference->content_hash(), ")"));
  }
  const auto& t = config_.train;
  log_info(cat("memory     ", memory_line(plan_)));
  if (const std::string warning = memory_warning(config_, plan_); !warning.empty()) { log_warning(warning); }
  log_info(cat("plan       ", train::total_steps(t, stream_->steps_per_epoch()), " steps of ",
               config_.rows_per_step(), " rows, ", stream_->steps_per_epoch(), " per epoch, learning rate ",
               significant(t.learning_rate, 3), " ", t.lr_scheduler_type));
  const std::string& f = config_.objective.una_f;
  if (data_.train->report().largest_group >= 2 && config_.method == "una" && (f == "zero" || f == "auto") &&
      config_.objective.una_mix == "mean" && config_.objective.una_binary == "pointwise") {
    log_info(
        "hint       there are groups of answers to one prompt: --una_link identity --una_f shrunk takes the offset "
        "of each prompt from them");
  }
}

void TrainingRun::check_disk() const {
  const std::string& out = config_.run.output_dir;
  if (out.empty() || config_.train.save_strategy == "no") { return; }
  const double checkpoint = plan_.checkpoint_bytes;
  const auto free = static_cast<double>(free_bytes(out));
  check_input(free >= checkpoint, out, ": ", human_bytes(free), " free, a checkpoint needs ",
              human_bytes(checkpoint));
  const std::int64_t kept = config_.train.save_total_limit;
  const double wanted = checkpoint * static_cast<double>(std::max<std::int64_t>(1, kept) + 1);
  if (free < wanted) {
    log_warning(cat(out, ": ", human_bytes(free), " free; ", kept, " checkpoints and one being written need ",
                    human_bytes(wanted)));
  }
}

// With several ranks: of the rows that this one will train on in the first epoch. Later epochs deal them otherwise, and
// what is missing then is computed when it is needed.
void TrainingRun::precompute() {
  if (!config_.run.precompute_ref_log_probs || model_.reference == nullptr || is_online()) { return; }
  report::ProgressBar bar("reference", static_cast<double>(data_.train->size()), "rows");
  const data::PackOptions pack = pack_options(config_);
  data::StepStream all = gang_.size() == 1
                             ? data::StepStream(*data_.train, config_.train.per_device_train_batch_size * 4,
                                                0, false, pack, false)
                             : data::StepStream(*data_.train, config_.rows_per_step(), config_.order_seed(),
                                                config_.train.shuffle, pack, false);
  for (std::int64_t step = 0; step < all.steps_per_epoch() && !gang_.any(interrupted()); ++step) {
    const StepBatch batch = all.next();
    for (const std::size_t number : train::rank_share(batch.micro_batches, gang_)) {
      model_.reference->logps(batch.micro_batches[number]);
    }
    bar.advance(static_cast<double>(batch.rows));
  }
  bar.finish();
}

train::LoopParts TrainingRun::loop_parts() {
  train::LoopParts parts;
  parts.runner = runner_.get();
  parts.stream = stream_.get();
  parts.log = log_.get();
  if (data_.eval != nullptr) {
    parts.eval_batches = make_eval_batches(*data_.eval, config_, objective_->needs().kl_rows);
  }
  for (const auto& evaluator : evaluators_) { parts.evaluators.push_back(evaluator.get()); }
  double total = 0;
  for (const auto& [length, count] : data_.train->report().lengths) {
    total += static_cast<double>(length) * static_cast<double>(count);
  }
  parts.tokens_per_row = std::max(1.0, total / static_cast<double>(data_.train->size()));
  if (is_online()) {
    parts.tokens_per_row = 1;  // lengths are not known before they are sampled
  }
  count_operations(config_, plan_, *model_.model, gang_.size(), parts);
  parts.output_dir = config_.run.output_dir;
  parts.config = run_yaml();
  parts.identity = identity();
  parts.facts = {{"threads", threads_text(gang_)}, {"una", UNA_VERSION}};
  parts.write_model = [this](const std::string& folder) {
    setup::write_trained(model_, text_.files, config_, folder);
    views::write_score_fits(data_.train->report().score_fits.get(), folder);
  };
  parts.before_checkpoint = check_watched_files;
  parts.save_before = stops_.save_before;
  parts.after_checkpoint = [this] { output_->keep(); };
  parts.saved_step = start_.config.empty() ? -1 : start_.position.step;
  parts.title = config_.method;
  parts.stop_at = stops_.at_step;
  return parts;
}

// The result comes first: what only describes it must not come between a run that reached its end and its adapter.
int TrainingRun::finish(const train::LoopResult& result) {
  const int signal = result.interrupted ? agreed_signal(gang_) : 0;
  const std::string exchanges = exchange_line(gang_, calls_before_, result.seconds);
  const int stopped = signal > 0 ? 128 + signal : (result.interrupted ? kExitTryAgain : 0);
  if (!gang_.leads()) { return stopped; }
  if (!result.interrupted && !result.paused) { write_result(result); }
  const EndedRun ended{
      .config = config_, .model = model_, .plan = plan_, .read = data_.train->report(), .result = result};
  const RunAccounts accounts = write_accounts(ended);
  const std::string& out = config_.run.output_dir;
  if (result.interrupted && result.steps == 0 && output_->has_old_work()) {
    log_info("stopped before the first step");
    return stopped;
  }
  if (result.stopped_early) {
    log_info(cat("stopped early at step ", result.steps, ": ", config_.train.early_stopping_patience,
                 " evaluations in a row did not improve ", config_.train.metric_for_best_model,
                 result.has_best ? cat(" (best: step ", result.best_step, ")") : std::string()));
  }
  if (result.interrupted || result.paused) {
    const char* reason = !result.interrupted || signal > 0 ? "" : " by save_before";
    log_info(cat(result.paused ? "paused" : "stopped", " at step ", result.steps, reason,
                 "; checkpoint saved. Go on with: una train --config ", out,
                 "/run.yaml --resume_from_checkpoint true"));
    return stopped;
  }
  log_info(cat("done       ", totals_text(ended)));
  if (!exchanges.empty()) { log_info(exchanges); }
  if (accounts.health) {
    const std::string health(trim(*accounts.health));
    log_info(cat("health     ", health.empty() ? "no warnings" : health));
  }
  log_info(cat("written    ", result_text(config_, accounts)));
  return 0;
}

void TrainingRun::write_result(const train::LoopResult& result) {
  const std::string& out = config_.run.output_dir;
  if (config_.train.load_best_model_at_end && result.has_best && result.best_step != result.steps) {
    train::load_optimizer(train::checkpoint_folder(out, result.best_step), runner_->buffer(),
                          runner_->value_buffer());
    runner_->set().refresh();
    log_info(cat("the result is the best checkpoint, step ", result.best_step, " (",
                 config_.train.metric_for_best_model, " ", significant(result.best_metric, 5), ")"));
  }
  if (config_.train.kl_budget > 0 && !result.has_best) {
    log_warning(cat("no evaluation was within kl_budget ", config_.train.kl_budget,
                    ": there is no best checkpoint, the result is the last step"));
  }
  check_watched_files();
  setup::write_trained(model_, text_.files, config_, out);
  output_->keep();
  if (config_.run.save_merged) {
    setup::write_merged(model_, out + "/merged", {.tokenizer = out, .chat_template = out});
  }
}

RunPlan TrainingRun::plan() {
  check_config();
  load_rows();
  return plan_;
}

// Locked from here on; a dry run only looks.
void TrainingRun::open_output() {
  const OutputFolderRule rule = output_rule(config_);
  if (config_.run.dry_run) { return check_output_folder(config_.run.output_dir, rule); }
  output_ = std::make_unique<OutputFolder>(config_.run.output_dir, rule);
}

int TrainingRun::run() {
  check_config();
  check_input(config_.run.dry_run || !config_.run.output_dir.empty(),
              "no output folder: give one with --output_dir (or --out)");
  if (is_online()) { config_.run.reference_cache_dir = "none"; }  // no sample is seen by another run
  check_same_settings(gang_, config_);
  set_rank_threads(config_.run.threads, gang_);
  std::string checkpoint;
  if (gang_.leads() && !config_.run.output_dir.empty()) {
    check_output_place(config_.run.output_dir);
    open_output();
    checkpoint = checkpoint_to_resume(config_);
  }
  checkpoint = share(gang_, checkpoint);
  load_rows();
  load_model();
  make_steps();
  evaluators_ = make_evaluators(config_, evaluation_,
                                {.model = &model_,
                                 .text = &text_,
                                 .online = &online_,
                                 .gang = &gang_,
                                 .other_ranks_folder = temporary_.path()});
  check_same(gang_, identity(), "every rank must read the same model and the same data");
  if (!checkpoint.empty()) { check_resume(checkpoint); }
  describe();
  if (gang_.leads()) { check_disk(); }
  if (config_.run.dry_run) {
    if (gang_.leads()) { std::printf("%s", setup::print_changed(config_).c_str()); }
    log_info("dry run    everything was read and understood; nothing was trained or written");
    return 0;
  }
  if (gang_.leads()) { start_output(checkpoint); }
  gang_.barrier();  // the folder is there
  open_rank_log(gang_, config_.run.output_dir);
  check_start();
  if (objective_->needs().pilot && checkpoint.empty() && !is_online()) {
    run_pilot(*data_.train, *runner_, *objective_, static_cast<std::uint64_t>(config_.train.seed), gang_);
  }
  precompute();
  log_info(cat("start      ", fixed(process_age_seconds(), 1), " s after the program began"));
  calls_before_ = gang_.seconds_in_calls();
  return finish(train::run_loop(config_.train, loop_parts(), start_));
}

// The run folder with what is known before the first step; of the rank that leads.
void TrainingRun::start_output(const std::string& checkpoint) {
  const std::string& out = config_.run.output_dir;
  output_->begin();
  write_file(out + "/run.yaml", run_yaml());
  if (is_file(dropped_path())) { write_file(out + "/dropped.jsonl", read_file(dropped_path())); }
  views::write_score_fits(data_.train->report().score_fits.get(), out);
  write_file(out + "/data.json", print_json(data_.train->report().json()));
  log_ = std::make_unique<report::RunLog>(
      report::RunLogOptions{.output_dir = out,
                            .tensorboard = reports_to(config_.run.report_to, "tensorboard"),
                            .logging_dir = config_.run.logging_dir,
                            .mlflow = reports_to(config_.run.report_to, "mlflow"),
                            .wandb = reports_to(config_.run.report_to, "wandb"),
                            .project = tracker_project(),
                            .params = tracker_params(run_yaml())},
      train::total_steps(config_.train, stream_->steps_per_epoch()),
      checkpoint.empty() ? -1 : start_.position.step);
}

// The self-check, where it applies. Every rank takes part.
void TrainingRun::check_start() {
  if (!config_.run.self_check || model_.reference == nullptr || is_online()) { return; }
  if (!start_.config.empty()) {
    return log_info("self-check does not apply: a resumed policy is no longer its reference");
  }
  if (!config_.model.ref_model.empty()) {
    return log_info("self-check does not apply: the reference is another model");
  }
  data::StepStream first(*data_.train, config_.train.per_device_train_batch_size, 0, false,
                         pack_options(config_), objective_->needs().kl_rows);
  log_info(step0_self_check(*runner_, first.next()));
}

}  // namespace

int run_training(const setup::RunConfig& config, dist::Ranks& ranks, const Stops& stops, bool split_moments) {
  return TrainingRun(config, ranks, stops, split_moments).run();
}

int run_training(const setup::RunConfig& config) { return run_training(config, *dist::make_ranks({})); }

RunPlan plan_training(const setup::RunConfig& config) {
  return TrainingRun(config, *dist::make_ranks({}), {}, false).plan();
}

}  // namespace una::run
