#include "una/study/rounds.h"
#include "una/kernels/threads.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/process.h"
#include "una/generate/engine.h"
#include "una/kernels/devices.h"
#include "una/objective/methods.h"
#include "una/reward/reward.h"
#include "una/run/training_run.h"
#include "una/setup/model_setup.h"
#include "una/setup/run_inputs.h"
#include "una/study/rounds_sampling.h"
#include "una/study/stages.h"
#include "una/study/workers.h"
#include "una/train/checkpoint.h"

namespace una::study {
namespace {

// The folder of all rounds and the work that is left in it.
class Rounds {
 public:
  Rounds(setup::RunConfig config, RoundsOptions options)
      : config_(std::move(config)), options_(std::move(options)), out_(config_.run.output_dir) {}
  int run();

 private:
  void check_config() const;
  void open();
  void prepare_start();
  void stage(const std::string& name, const std::function<Json()>& work);
  void child(const std::vector<std::string>& arguments, const std::string& name) const;
  void measure(std::int64_t round);
  void train(std::int64_t round);
  setup::RunConfig training_config(std::int64_t round) const;
  setup::ModelPlace policy_of(std::int64_t round) const;
  std::string folder(std::int64_t round) const { return cat(out_, "/round-", round); }
  Json results() const;
  void print_table(const Json& results) const;

  setup::RunConfig config_;
  RoundsOptions options_;
  std::string out_, start_;
  std::unique_ptr<OutputFolder> output_;
  std::unique_ptr<Stages> stages_;
};

void Rounds::check_config() const {
  objective::choose("method", config_.method, {"una", "dpo", "kto"});
  objective::choose("reference", options_.reference, {"start", "previous"});
  check_input(options_.rounds >= 1, "rounds must be 1 or more");
  check_input(!out_.empty(), "no output folder: give one with --out");
  check_input(!config_.data.dataset_name.empty(), "no prompts: give a file of rows with --data");
  check_input(!config_.online.reward.empty(),
              "no reward: give --reward, as in --reward model:FOLDER (docs/rewards.md)");
  reward::weights_of_rewards(config_.online.reward, config_.online.reward_weights);
  const std::int64_t least = config_.method == "dpo" ? 2 : 1;
  check_input(config_.online.num_generations >= least, "num_generations must be at least ", least, " for ",
              config_.method);
  check_input(config_.online.generation_batch_size >= 1, "generation_batch_size must be 1 or more");
  check_input(config_.objective.max_completion_length >= 1 &&
                  config_.data.max_length > config_.objective.max_completion_length,
              "max_completion_length must be 1 or more and leave room for a prompt in max_length ",
              config_.data.max_length);
  check_input(config_.model.ref_model.empty(), "ref_model: rounds compare with --reference start|previous");
  check_input(config_.run.resume_from_checkpoint.empty() || config_.run.resume_from_checkpoint == "false",
              "resume_from_checkpoint: the same command goes on from where the rounds stopped, without it");
  check_input(config_.online.sampling_endpoint.empty(),
              "sampling_endpoint is for online methods; una rounds samples in this process");
  kernels::open_device(config_.model.device);
  generate::check_sampling({.temperature = config_.online.temperature,
                            .top_p = config_.online.top_p,
                            .top_k = config_.online.top_k,
                            .min_p = config_.online.min_p,
                            .repetition_penalty = config_.online.repetition_penalty});
  setup::read_folder_spec(config_.model.model_name_or_path);
}

bool may_change(const std::string& key) {
  static const std::vector<std::string> kFree = {
      "rounds",     "output_dir",    "overwrite_output_dir", "threads",
      "dry_run",    "report_to",     "logging_dir",          "logging_steps",
      "save_steps", "save_strategy", "save_total_limit",     "generation_batch_size"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

// A folder that is free, or holds these rounds.
void Rounds::open() {
  const std::string path = out_ + "/rounds.json";
  OutputFolderRule rule;
  rule.has_result = [](const std::string& folder) { return is_file(folder + "/rounds.json"); };
  recover_output_folder(out_, rule.has_result);  // before it is asked what is there
  rule.overwrite = config_.run.overwrite_output_dir;
  rule.goes_on = !rule.overwrite && (is_file(path) || is_file(out_ + "/rounds.yaml"));
  rule.inputs = setup::run_inputs(config_);
  rule.marks = {"rounds.json", "rounds.yaml"};
  rule.work = "rounds";
  output_ = std::make_unique<OutputFolder>(out_, rule);
  output_->begin();
  const std::string settings = print_options(config_) + print_options(options_);
  stages_ = std::make_unique<Stages>(path, settings, may_change);
  write_file(out_ + "/rounds.yaml", settings);
  if (!stages_->is_new()) { log_info(cat("going on   ", path, " says what is done")); }
}

void Rounds::child(const std::vector<std::string>& arguments, const std::string& name) const {
  const ChildResult result = run_self(arguments, {"UNA_QUIET=1"});
  if (interrupted()) { throw Stopped(); }
  check_child(result, name, "; the same command tries it again");
}

void Rounds::stage(const std::string& name, const std::function<Json()>& work) {
  if (stages_->find(name) != nullptr) { return; }
  if (interrupted()) { throw Stopped(); }
  const double begin = monotonic_seconds();
  Json facts = work();
  const double seconds = monotonic_seconds() - begin;
  facts["seconds"] = seconds;
  stages_->add(name, std::move(facts));
  output_->keep();
  log_info(cat("done       ", name, " in ", human_seconds(seconds)));
}

// Rounds begin at a model folder: an adapter to start from is merged into one first.
void Rounds::prepare_start() {
  start_ = config_.model.model_name_or_path;
  if (config_.model.adapter.empty()) { return; }
  start_ = out_ + "/start";
  stage("start", [&] {
    std::filesystem::remove_all(start_);
    child({"merge", "--model", config_.model.model_name_or_path, "--adapter", config_.model.adapter, "--out",
           start_},
          "merging the start");
    return Json::object();
  });
}

// After `round` rounds; 0: the start.
setup::ModelPlace Rounds::policy_of(std::int64_t round) const {
  if (round == 0) { return {start_, ""}; }
  const std::string result = folder(round) + "/adapter";
  return config_.model.use_peft ? setup::ModelPlace{start_, result} : setup::ModelPlace{result, ""};
}

// Samples by the policy that the round begins with, and their labels: what the round before has brought.
void Rounds::measure(std::int64_t round) {
  const std::string name = cat("round-", round), samples = folder(round) + "/samples.jsonl";
  make_folder(folder(round));
  stage(name + "/sample", [&] {
    setup::RunConfig reading = config_;
    reading.run.eval_data.clear();
    reading.run.eval_fraction = 0;
    reading.run.dataset_test_split = setup::RunOptions{}.dataset_test_split;
    if (reading.data.score_range.size() == 1) { reading.data.score_range.clear(); }
    Json facts = sample_round(reading, policy_of(round - 1), start_, round, samples);
    if (facts.is_null()) { throw Stopped(); }
    const Json* first = stages_->find("round-1/sample");
    check_input(first == nullptr || first->at("prompts") == facts["prompts"],
                "the prompts are not those of the first round: the data has changed since");
    return facts;
  });
  stage(name + "/label", [&] {
    const std::string labelled = folder(round) + "/labelled.jsonl";
    std::vector<std::string> words = {"label",   "--data",    samples,
                                      "--out",   labelled,    "--overwrite_output_dir",
                                      "true",    "--threads", std::to_string(config_.run.threads),
                                      "--reward"};
    words.insert(words.end(), config_.online.reward.begin(), config_.online.reward.end());
    const auto add = [&](const char* key, const std::vector<std::string>& values) {
      if (values.empty()) { return; }
      words.emplace_back(key);
      words.insert(words.end(), values.begin(), values.end());
    };
    add("--reward_weights", config_.online.reward_weights);
    add("--reward_command_timeout", {significant(config_.online.reward_command_timeout, 12)});
    add("--score_range", config_.data.score_range);
    child(words, cat("labelling round ", round));
    if (config_.data.score_mapping == "range") { check_labels_have_a_scale(labelled); }
    return Json{{"reward", mean_label(labelled)}};
  });
}

setup::RunConfig Rounds::training_config(std::int64_t round) const {
  setup::RunConfig config = config_;
  const setup::ModelPlace before = policy_of(round - 1);
  config.model.model_name_or_path = before.folder;
  config.model.adapter = before.adapter;
  // In the first round both references are the start, which the run finds by itself.
  config.model.ref_model = options_.reference == "start" && round > 1 ? start_ : "";
  const rows::DataOptions plain;
  config.data.dataset_name = {folder(round) + "/labelled.jsonl"};
  config.data.dataset_dir.clear();
  config.data.dataset_train_split = plain.dataset_train_split;
  config.data.score_range.clear();  // the rows declare it
  config.data.columns.clear();
  config.data.label_values.clear();
  config.data.apply_chat_template = false;  // done when the prompts were read
  config.data.max_rows = 0;
  config.data.ground_truth_column = plain.ground_truth_column;
  config.data.allow_dropped = 1;  // samples may be equal, pairs may tie: counted in the round's own log
  if (config.data.feedback == "auto" && config.method == "dpo") { config.data.feedback = "pairwise"; }
  if (config.data.feedback == "auto" && config.method == "kto") { config.data.feedback = "binary"; }
  config.objective.max_completion_length =
      objective::ObjectiveOptions{}.max_completion_length;  // of sampling
  config.online = {};                                       // of sampling, which is over
  config.run.output_dir = folder(round) + "/adapter";
  config.run.overwrite_output_dir = false;
  config.run.reference_cache_dir = "none";  // no other run sees these answers
  return config;
}

void Rounds::train(std::int64_t round) {
  stage(cat("round-", round, "/train"), [&] {
    setup::RunConfig config = training_config(round);
    const std::string& result = config.run.output_dir;
    if (!train::latest_checkpoint(result).empty()) {
      config.run.resume_from_checkpoint = "true";
    } else {
      std::filesystem::remove_all(result);
    }
    const std::string yaml = folder(round) + "/train.yaml";
    write_file(yaml, print_options(config));
    child({"train", "--config", yaml}, cat("training round ", round));
    return Json{{"loss", read_json_file(result + "/summary.json").at("train_loss")}};
  });
}

Json Rounds::results() const {
  Json rows = Json::array();
  for (std::int64_t round = 1; round <= options_.rounds; ++round) {
    const auto facts = [&](std::int64_t number, const char* what) {
      return *stages_->find(cat("round-", number, "/", what));
    };
    const Json sample = facts(round, "sample"), next = facts(round + 1, "sample");
    double seconds = 0;
    for (const char* what : {"sample", "label", "train"}) {
      seconds += facts(round, what).at("seconds").get<double>();
    }
    rows.push_back(
        {{"round", round},
         {"reference", options_.reference == "start" || round == 1 ? "start" : cat("round-", round - 1)},
         {"reward_before", facts(round, "label")["reward"]},
         {"reward_after", facts(round + 1, "label")["reward"]},
         {"kl", next["kl"]},
         {"length_before", sample["mean_length"]},
         {"length_after", next["mean_length"]},
         {"clipped_ratio", next["clipped_ratio"]},
         {"answers", sample["answers"]},
         {"loss", facts(round, "train")["loss"]},
         {"seconds", seconds}});
  }
  return {{"method", config_.method},
          {"beta", config_.objective.beta},
          {"reference", options_.reference},
          {"rounds", rows}};
}

// The round whose labels are best; "" where rounds have preferences only.
std::string best_round(const Json& rounds) {
  const Json* best = nullptr;
  for (const Json& row : rounds) {
    if (row["reward_after"].is_null()) { continue; }
    if (best == nullptr || row["reward_after"].get<double>() > (*best)["reward_after"].get<double>()) {
      best = &row;
    }
  }
  if (best == nullptr) { return ""; }
  return cat("best round: ", (*best)["round"].get<std::int64_t>(), " (reward ",
             fixed((*best)["reward_after"].get<double>(), 4), ", KL ", fixed((*best)["kl"].get<double>(), 3),
             ")\n");
}

void Rounds::print_table(const Json& results) const {
  std::printf("\n%s, reference %s, %lld answers per prompt\n\n", config_.method.c_str(),
              options_.reference.c_str(), static_cast<long long>(config_.online.num_generations));
  std::printf("%-6s %-10s %14s %12s %8s %8s %10s %9s\n", "round", "held to", "reward before", "after", "KL",
              "length", "unfinished", "seconds");
  const auto number = [](const Json& value) {
    return value.is_null() ? std::string("-") : fixed(value.get<double>(), 4);
  };
  for (const Json& row : results["rounds"]) {
    std::printf("%-6lld %-10s %14s %12s %8.3f %8.1f %8.1f %% %9.1f\n",
                static_cast<long long>(row["round"].get<std::int64_t>()),
                row["reference"].get<std::string>().c_str(), number(row["reward_before"]).c_str(),
                number(row["reward_after"]).c_str(), row["kl"].get<double>(),
                row["length_after"].get<double>(), 100 * row["clipped_ratio"].get<double>(),
                row["seconds"].get<double>());
  }
  std::printf("\n%s", best_round(results["rounds"]).c_str());
  std::printf(
      "reward: mean label of answers that ended; KL: mean log pi/pi_start of the policy's own answers "
      "after the "
      "round, nats per answer; length: tokens after the round\nresults: %s/results.json   the last policy: "
      "%s\n",
      out_.c_str(), (folder(options_.rounds) + "/adapter").c_str());
}

int Rounds::run() {
  check_config();
  kernels::set_threads(config_.run.threads);
  if (config_.run.dry_run) {
    std::printf("%s%s", setup::print_changed(config_).c_str(), print_options(options_).c_str());
    log_info("dry run    the settings were understood; nothing was sampled, labelled or trained");
    return 0;
  }
  open();
  try {
    prepare_start();
    for (std::int64_t round = 1; round <= options_.rounds; ++round) {
      measure(round);
      train(round);
    }
    measure(options_.rounds + 1);
  } catch (const Stopped&) {
    log_info(cat("stopped; ", out_, " holds what was done, the same command goes on from there"));
    return 128 + interrupt_signal();
  }
  const Json all = results();
  write_file(out_ + "/results.json", all.dump(2) + "\n");
  print_table(all);
  return 0;
}

}  // namespace

const std::vector<std::string>& sampling_keys() {
  static const std::vector<std::string> kKeys = {"reward",
                                                 "reward_weights",
                                                 "num_generations",
                                                 "generation_batch_size",
                                                 "max_completion_length",
                                                 "temperature",
                                                 "top_p",
                                                 "top_k",
                                                 "min_p",
                                                 "repetition_penalty",
                                                 "stop_strings"};
  return kKeys;
}

int run_rounds(setup::RunConfig config, RoundsOptions options) {
  return Rounds(std::move(config), std::move(options)).run();
}

}  // namespace una::study
