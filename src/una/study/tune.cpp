#include "una/study/tune.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/cpus.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/process.h"
#include "una/report/eval_page.h"
#include "una/run/evaluation_setup.h"
#include "una/run/training_run.h"
#include "una/setup/methods.h"
#include "una/setup/peer_keys.h"
#include "una/setup/run_inputs.h"
#include "una/study/stages.h"
#include "una/study/workers.h"
#include "una/train/checkpoint.h"
#include "una/train/training_loop.h"

namespace una::study {
namespace {

// A candidate's run with one seed.
struct Trial {
  std::size_t candidate = 0;
  std::int64_t seed = 0;
  std::int64_t stop_at = 0;
};

// What became of a candidate.
struct Record {
  Candidate candidate;
  std::vector<double> values;  // of its newest rung, one a seed
  std::int64_t steps = 0;      // of that rung
  double mean() const {
    double sum = 0;
    for (const double value : values) { sum += value; }
    return values.empty() ? std::nan("") : sum / static_cast<double>(values.size());
  }
};

class Tune {
 public:
  Tune(setup::RunConfig config, TuneOptions options)
      : config_(std::move(config)), options_(std::move(options)), out_(config_.run.output_dir) {}
  int run();

 private:
  void check_config();
  void open();
  void search();
  void run_trial(const Trial& trial);
  setup::RunConfig trial_config(const Candidate& candidate, std::int64_t seed) const;
  std::string trial_name(const Trial& trial) const {
    return cat("run-", trial.candidate + 1, "-seed-", trial.seed);
  }
  std::string stage_name(const Trial& trial) const { return cat(trial_name(trial), "-step-", trial.stop_at); }
  double value_of(const Trial& trial) const;
  std::vector<std::size_t> ranked() const;
  void write_results(bool finished) const;

  setup::RunConfig config_;
  TuneOptions options_;
  std::string out_, metric_;
  bool greater_ = false;
  std::vector<std::int64_t> rungs_;
  std::vector<Record> records_;
  std::unique_ptr<OutputFolder> output_;
  std::unique_ptr<Stages> stages_;
  std::mutex mutex_;  // of stages_
};

// The run's settings with the candidate's. The same numbers go to every candidate but for these.
setup::RunConfig Tune::trial_config(const Candidate& candidate, std::int64_t seed) const {
  setup::RunConfig config = config_;
  Settings settings;
  for (const auto& [key, value] : candidate.settings) { settings.set(key, value, cat("tune: ", key)); }
  const std::vector<OptionHelp> known = describe_options(config);
  check_known(settings, known, setup::foreign_names());
  setup::check_keys_read(settings, config, {});
  read_options(settings, config);
  config.train.seed = seed;
  config.run.resume_from_checkpoint.clear();
  config.run.overwrite_output_dir = false;
  return config;
}

bool may_change(const std::string& key) {
  static const std::vector<std::string> kFree = {
      "output_dir", "overwrite_output_dir", "threads", "tune_processes", "report_to", "logging_dir"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

void Tune::check_config() {
  check_input(!out_.empty(), "no output folder: give one with --out");
  check_input(options_.tune_seeds >= 1, "tune_seeds must be 1 or more");
  check_input(options_.tune_processes >= 1, "tune_processes must be 1 or more");
  check_input(config_.run.resume_from_checkpoint.empty() || config_.run.resume_from_checkpoint == "false",
              "resume_from_checkpoint: the same command goes on from where the search stopped, without it");
  check_input(config_.train.eval_strategy == "auto" || config_.train.eval_strategy == "steps",
              "una tune compares evaluations at certain steps: leave eval_strategy at auto");
  check_input(config_.train.early_stopping_patience == 0,
              "early_stopping_patience: una tune itself says which runs go on");
  const bool evaluates = config_.run.eval_fraction > 0 || setup::eval_options(config_) ||
                         !config_.held_out.eval_generate_data.empty() || !config_.held_out.eval_tasks.empty();
  check_input(evaluates,
              "una tune compares candidates on held-out rows: give --eval_fraction 0.1, --eval_data FILE or ",
              "--eval_generate_data FILE");
  run::check_evaluation(config_);  // names the metric where the key was left alone
  for (const Candidate& candidate : make_candidates(options_.tune)) {
    trial_config(candidate, config_.train.seed);  // refuses keys and values
    records_.push_back({.candidate = candidate});
  }
}

// A folder that is free, or holds this search.
void Tune::open() {
  const std::string path = out_ + "/tune.json";
  OutputFolderRule rule;
  rule.overwrite = config_.run.overwrite_output_dir;
  rule.goes_on = !rule.overwrite && is_file(path);
  rule.inputs = setup::run_inputs(config_);
  rule.marks = {"tune.json"};
  rule.work = "tune";
  output_ = std::make_unique<OutputFolder>(out_, rule);
  output_->begin();
  const std::string settings = print_options(setup::with_absolute_paths(config_)) + print_options(options_);
  stages_ = std::make_unique<Stages>(path, settings, may_change);
}

double Tune::value_of(const Trial& trial) const {
  const std::string path = cat(out_, "/", trial_name(trial), "/metrics.jsonl");
  return tuned_metric(read_file(path), metric_, trial.stop_at, config_.train.kl_budget, greater_);
}

// Goes on from the run's newest checkpoint, or begins. A folder without a checkpoint holds nothing worth keeping.
void Tune::run_trial(const Trial& trial) {
  const std::string folder = cat(out_, "/", trial_name(trial)),
                    yaml = cat(out_, "/", trial_name(trial), ".yaml");
  setup::RunConfig config = trial_config(records_[trial.candidate].candidate, trial.seed);
  config.run.output_dir = folder;
  config.run.threads = std::max<std::int64_t>(
      1, (config_.run.threads > 0 ? config_.run.threads : available_cpus()) / options_.tune_processes);
  const bool goes_on = is_folder(folder) && !train::latest_checkpoint(folder).empty();
  if (goes_on) { config.run.resume_from_checkpoint = "true"; }
  config.run.overwrite_output_dir = !goes_on && is_folder(folder);
  write_file(yaml, print_options(setup::with_absolute_paths(config)));
  const ChildResult result =
      run_self({"train", "--config", yaml, "--stop_at_step", std::to_string(trial.stop_at)}, {"UNA_QUIET=1"});
  if (interrupted()) { throw Stopped(); }
  check_child(result, cat(trial_name(trial), " (", records_[trial.candidate].candidate.name, ")"),
              "; the same command tries it again");
  const std::lock_guard lock(mutex_);
  const double value = value_of(trial);
  stages_->add(stage_name(trial),
               {{"value", std::isnan(value) ? Json(nullptr) : Json(value)}, {"seconds", result.seconds}});
}

void Tune::search() {
  std::vector<std::size_t> alive(records_.size());
  for (std::size_t i = 0; i < alive.size(); ++i) { alive[i] = i; }
  for (const std::int64_t steps : rungs_) {
    std::vector<Trial> missing, all;
    for (const std::size_t candidate : alive) {
      for (std::int64_t s = 0; s < options_.tune_seeds; ++s) {
        all.push_back({candidate, config_.train.seed + s, steps});
        if (stages_->find(stage_name(all.back())) == nullptr) { missing.push_back(all.back()); }
      }
    }
    log_info(
        cat("rung       ", alive.size(), " candidates to step ", steps, ", ", missing.size(), " runs to do"));
    run_at_once(missing.size(), static_cast<std::size_t>(options_.tune_processes),
                [&](std::size_t i) { run_trial(missing[i]); });
    for (const std::size_t candidate : alive) { records_[candidate].values.clear(); }
    for (const Trial& trial : all) {
      const Json& value = stages_->find(stage_name(trial))->at("value");
      records_[trial.candidate].values.push_back(value.is_null() ? std::nan("") : value.get<double>());
      records_[trial.candidate].steps = steps;
    }
    std::vector<double> means;
    for (const std::size_t candidate : alive) { means.push_back(records_[candidate].mean()); }
    write_results(steps == rungs_.back());
    if (steps != rungs_.back()) { alive = survivors(alive, means, greater_, options_.tune_factor); }
  }
}

// The longest runs first, the best of them first.
std::vector<std::size_t> Tune::ranked() const {
  std::vector<std::size_t> order(records_.size());
  for (std::size_t i = 0; i < order.size(); ++i) { order[i] = i; }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (records_[a].steps != records_[b].steps) { return records_[a].steps > records_[b].steps; }
    const double x = records_[a].mean(), y = records_[b].mean();
    if (std::isnan(x) || std::isnan(y)) { return !std::isnan(x) && std::isnan(y); }
    return greater_ ? x > y : x < y;
  });
  return order;
}

void Tune::write_results(bool finished) const {
  report::EvalPageTable table{
      cat("Candidates by ", metric_), {"candidate", "steps", "mean", "95 % over seeds", "runs"}, {}};
  report::EvalPagePlot plot{cat(metric_, " at the last step of each candidate"), {.differences = false}};
  Json candidates = Json::array();
  std::string text =
      cat("\n", metric_, greater_ ? ", more is better" : ", less is better",
          config_.train.kl_budget > 0 ? cat(", eval_kl at most ", config_.train.kl_budget) : "", "\n");
  for (const std::size_t i : ranked()) {
    const Record& record = records_[i];
    const eval::Interval over = seed_interval(record.values);
    const bool several = record.values.size() > 1 && std::isfinite(over.low);
    const std::string mean = std::isnan(over.mean) ? "none" : significant(over.mean, 5),
                      bounds =
                          several ? cat(significant(over.low, 5), " to ", significant(over.high, 5)) : "";
    table.rows.push_back(
        {record.candidate.name, std::to_string(record.steps), mean, bounds, cat("run-", i + 1)});
    text += cat("  ", record.steps, " steps  ", mean, several ? cat(" [", bounds, "]") : "", "  ",
                record.candidate.name, "  (run-", i + 1, ")\n");
    if (std::isfinite(over.mean)) {
      plot.dots.rows.push_back({cat(record.candidate.name, " (step ", record.steps, ")"), over.mean,
                                several ? over.low : over.mean, several ? over.high : over.mean,
                                record.steps == rungs_.back() ? 0 : 1});
    }
    Json settings = Json::object(), values = Json::array();
    for (const auto& [key, value] : record.candidate.settings) { settings[key] = value; }
    for (const double value : record.values) {
      values.push_back(std::isnan(value) ? Json(nullptr) : Json(value));
    }
    candidates.push_back(
        {{"settings", settings}, {"run", cat("run-", i + 1)}, {"steps", record.steps}, {"values", values}});
  }
  write_file(out_ + "/results.json",
             Json{{"metric", metric_}, {"finished", finished}, {"candidates", candidates}}.dump(2) + "\n");
  write_file(out_ + "/report.html", report::eval_page("una tune", {table}, {}, {plot}));
  output_->keep();
  if (!finished) { return; }
  std::printf("%s\nbest: %s/run-%zu-seed-%lld   report: %s/report.html\n", text.c_str(), out_.c_str(),
              ranked()[0] + 1, static_cast<long long>(config_.train.seed), out_.c_str());
}

int Tune::run() {
  check_config();
  open();
  const run::RunPlan plan = run::plan_training(trial_config(records_[0].candidate, config_.train.seed));
  rungs_ = rung_steps(plan.steps, options_.tune_rungs, options_.tune_factor);
  config_.train.max_steps = plan.steps;
  config_.train.eval_steps = rungs_.front();
  config_.train.save_strategy = "no";
  config_.train.save_total_limit = 1;
  metric_ = config_.train.metric_for_best_model;
  if (!starts_with(metric_, "eval_")) { metric_ = "eval_" + metric_; }
  greater_ = train::is_greater_better(config_.train, metric_);
  try {
    search();
  } catch (const Stopped&) {
    log_info(cat("stopped; ", out_, " holds the runs so far, the same command goes on from there"));
    return 128 + interrupt_signal();
  }
  return 0;
}

}  // namespace

int run_tune(setup::RunConfig config, TuneOptions options) {
  return Tune(std::move(config), std::move(options)).run();
}

}  // namespace una::study
