#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/output_folder.h"
#include "una/base/json.h"
#include "una/base/os/process.h"
#include "una/demo/task.h"
#include "una/eval/efficiency.h"
#include "una/eval/statistics.h"
#include "una/setup/run_config.h"
#include "una/study/demo_evaluation.h"
#include "una/study/demo_methods.h"

namespace una::study {

// The keys of `una demo`.
struct DemoOptions {
  std::string output_dir = "demo-run";
  std::string task = demo::tasks().front().name;
  std::int64_t seed = 42, threads = 0;
  bool online = false, overwrite_output_dir = true;
  std::vector<std::string> methods;
  std::string stop_after, start_from;
  std::int64_t curve_points = 6, steps = 0, sft_answers = DemoSizes{}.sft_answers;
  std::int64_t feedback_prompts = DemoSizes{}.feedback_prompts,
               held_out_prompts = DemoSizes{}.held_out_prompts;
  template <class V>
  void fields(V&& v) {
    v("output_dir", output_dir, "run folder (alias --out)");
    v("task", task, "dialogue | arithmetic | style (docs/demo.md)");
    v("seed", seed, "of the task, the start model, the samples and the noise");
    v("threads", threads, "compute threads; 0: all");
    v("online", online, "methods that learn from their own samples and a reward model");
    v("overwrite_output_dir", overwrite_output_dir, "replace an earlier demo in that folder");
    v("methods", methods, "only these run folders (una_score_mse, kto, ...); empty: all");
    v("stop_after", stop_after,
      "init (task, tokenizer, random model) | start (its fine-tuning) | feedback; empty: all");
    v("start_from", start_from, "the init and start model of this demo folder instead of new ones");
    v("curve_points", curve_points,
      "online: so many checkpoints of each method are evaluated too (gold, reward and KL in results.json)");
    v("steps", steps, "optimiser steps (rounds) of each method; 0: the demo's own");
    v("sft_answers", sft_answers, "answers the start model learns from");
    v("feedback_prompts", feedback_prompts, "prompts whose samples get feedback");
    v("held_out_prompts", held_out_prompts, "prompts of the evaluation");
  }
};

// Result of one method on the held-out prompts.
struct MethodResult {
  std::string name, folder;
  eval::Interval gain, win;
  double gold_before = 0, gold_after = 0, kl = 0, seconds = 0, peak_mb = 0;
  eval::Efficiency efficiency;  // on the start model's answers
  Json more = Json::object();   // further keys of results.json
  ScoredSamples sampled;
};

// A demo's folder and the stages that both demos share. Every file is an ordinary one, and every training runs this
// program again (data/<run>.yaml), so that the peak memory of each is its own.
class DemoRun {
 public:
  explicit DemoRun(const DemoOptions& options) : options_(options), out_(options.output_dir) {}

  // Task to feedback, as far as stop_after wants; false: stop here. InputError on a folder in use.
  bool prepare();
  // What all trainings on the start model share, in addition to a method's defaults.
  setup::RunConfig base_config(const std::string& method, const std::string& folder) const;
  // Trains by the config's method into its output folder; InputError names the folder when it fails or is stopped.
  ChildResult child(const setup::RunConfig& config) const;
  // The same for a method of the table.
  MethodResult train(const setup::RunConfig& config, const std::string& name,
                     const std::string& folder) const;
  bool wanted(const std::string& folder) const;  // by --methods
  // Samples each method's adapter on the held-out prompts and fills its figures.
  void evaluate(std::vector<MethodResult>& results) const;
  // results.json, samples.jsonl, report.html.
  void write_results(const std::vector<MethodResult>& results) const;
  void print_answers(const std::vector<MethodResult>& results) const;  // some, before and after
  void say(const std::string& line) const;

  const DemoOptions& options() const { return options_; }
  const DemoSizes& sizes() const { return sizes_; }
  const std::string& out() const { return out_; }
  const ScoredSamples& before() const { return before_; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(options_.seed); }
  DemoSample held_out_size() const;  // how the held-out prompts are answered
  const demo::Task& task() const { return demo::find_task(options_.task); }
  std::int64_t responses() const { return responses_; }
  std::string data_file(const std::string& name) const { return out_ + "/data/" + name + ".jsonl"; }
  const std::vector<std::string>& held_out() const { return held_out_; }

 private:
  void prepare_folder();
  void make_start() const;
  void pretrain() const;
  void copy_start() const;
  void collect_feedback();
  eval::Efficiency efficiency_of(const eval::PolicyUse& policy) const;

  DemoOptions options_;
  DemoSizes sizes_;
  std::string out_;
  std::int64_t responses_ = 0;
  std::vector<std::string> held_out_;
  ScoredSamples before_;
  std::unique_ptr<OutputFolder> output_;
  ScoredSamples judged_;              // more answers of the start model to the held-out prompts
  std::vector<double> judged_logps_;  // under the start model
};

}  // namespace una::study
