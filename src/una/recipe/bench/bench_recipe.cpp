#include <algorithm>
#include <cstdio>
#include <numeric>

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/dist/gang.h"
#include "una/kernels/devices.h"
#include "una/kernels/threads.h"
#include "una/recipe/bench/bench_bandit.h"
#include "una/recipe/bench/bench_generate.h"
#include "una/recipe/bench/bench_online.h"
#include "una/recipe/bench/product_bound.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/run/training_run.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una bench train --model DIR --pairs pairs.jsonl ...\n"
    "       una bench generate --model DIR --pairs pairs.jsonl [--batch 16] [--samples 1] [--new_tokens 128]\n"
    "       una bench bandit [--methods ...] [--seeds 5] [--steps 4000]\n"
    "       una bench online [--out DIR] [--seeds 42,1,2,3,4] [--methods ...]\n"
    "train and generate print one JSON line with the keys of bench/peers/*.py; those of train:";

// The keys that the peers' scripts print and take.
struct BenchOptions {
  std::string model, pairs, dtype = "bfloat16", device = "cpu", method = "dpo";
  std::int64_t timed = 40, warmup = 2, threads = 0, batch = 1, max_tokens_per_micro_batch = 0;
  double beta = 0.01, lr = 5e-6;
  bool prefix_sharing = true, live_reference = false, gradient_checkpointing = false, use_dora = false;
  bool exact_sampling = false;
  template <class V>
  void fields(V&& v) {
    v("model", model, "a model folder");
    v("pairs", pairs, "JSONL of prompt, chosen, rejected");
    v("dtype", dtype, "bfloat16 | float32");
    v("device", device, setup::kDeviceHelp);
    v("method", method, "dpo | una | kto");
    v("timed", timed, "pairs timed, from the top of the file");
    v("warmup", warmup, "pairs after them that warm up");
    v("batch", batch, "pairs per step");
    v("max_tokens_per_micro_batch", max_tokens_per_micro_batch, "0: as in training");
    v("threads", threads, "0: all");
    v("beta", beta, "implicit reward scale");
    v("lr", lr, "learning rate");
    v("prefix_sharing", prefix_sharing, "compute a pair's prompt once");
    v("live_reference", live_reference, "reference pass inside the timed steps");
    v("gradient_checkpointing", gradient_checkpointing, "recompute layers in the backward");
    v("use_dora", use_dora, "DoRA instead of LoRA");
    v("exact_sampling", exact_sampling, "sums in one order, as in sampling");
  }
};

setup::RunConfig bench_config(const BenchOptions& options) {
  setup::RunConfig config = setup::default_config(options.method);
  config.model.model_name_or_path = options.model;
  config.model.dtype = options.dtype;
  config.model.device = options.device;
  config.model.lora_r = 32;
  config.model.lora_alpha = 16;
  config.model.use_dora = options.use_dora;
  config.data.dataset_name = {options.pairs};
  config.data.max_length = 1 << 20;
  config.data.allow_dropped = 1;
  config.objective.beta = options.beta;
  config.train.learning_rate = options.lr;
  config.train.prefix_sharing = options.prefix_sharing;
  config.train.gradient_checkpointing = options.gradient_checkpointing;
  if (options.max_tokens_per_micro_batch > 0) {
    config.train.max_tokens_per_micro_batch = options.max_tokens_per_micro_batch;
  }
  config.run.reference_cache_dir = "none";
  config.online.exact_sampling = options.exact_sampling ? "true" : "false";
  return config;
}

std::vector<StepBatch> make_steps(const data::Dataset& dataset, std::int64_t begin, std::int64_t end,
                                  std::int64_t batch, const setup::RunConfig& config) {
  std::vector<StepBatch> steps;
  for (std::int64_t at = begin; at < end; at += batch) {
    std::vector<Row> rows;
    StepBatch step;
    for (std::int64_t i = at; i < std::min(at + batch, end); ++i) {
      rows.push_back(dataset.row(i));
      step.tokens += rows.back().tokens();
    }
    step.rows = static_cast<std::int64_t>(rows.size());
    step.micro_batches = data::pack_rows(rows, run::pack_options(config));
    if (config.method == "kto") { step.kl = data::pack_kl_rows(rows, run::pack_options(config)); }
    steps.push_back(std::move(step));
  }
  return steps;
}

// The training benchmark: what dpo_pytorch.py does, in the same order.
class TrainBench {
 public:
  explicit TrainBench(const BenchOptions& options) : options_(options), config_(bench_config(options)) {}
  void run() {
    load();
    const double to_first_forward = process_age_seconds();
    fill_reference();
    const double first_step = warm_up();
    time_steps(to_first_forward, first_step);
  }

 private:
  void load() {
    objective_ = objective::make_objective(config_.method, config_.objective);
    const setup::TextSetup text =
        setup::load_text(options_.model, config_.data, setup::read_folder_spec(options_.model));
    const run::RunData data = run::load_run_data(config_, text, *objective_, "");
    const std::int64_t wanted = options_.timed + options_.warmup;
    check_input(data.train->size() >= wanted, options_.pairs, ": ", wanted, " pairs are needed, there are ",
                data.train->size());
    timed_ = make_steps(*data.train, 0, options_.timed, options_.batch, config_);
    warm_ = make_steps(*data.train, options_.timed, wanted, options_.batch, config_);
    setup_ = setup::load_for_training(config_, false, true);
    train::StepOptions step = run::step_options(config_);
    step.statistics = false;
    const train::TrainableSet set{.model = setup_.model.get(),
                                  .policy = setup_.policy,
                                  .objective = objective_.get(),
                                  .reference = setup_.reference.get()};
    runner_ = std::make_unique<train::StepRunner>(set, step, *gang_);
  }

  void fill_reference() {
    if (options_.live_reference) { return; }
    setup_.reference->keep_in_memory();
    const double begin = monotonic_seconds();
    for (const StepBatch& step : timed_) {
      for (const PackedBatch& micro : step.micro_batches) { setup_.reference->logps(micro); }
    }
    reference_seconds_ = monotonic_seconds() - begin;
  }

  // Returns the age of the process after the first step, the reference pass not counted; undoes the steps.
  double warm_up() {
    const at::Tensor saved = runner_->buffer().values().clone();
    double first_step = 0;
    for (std::size_t i = 0; i < warm_.size(); ++i) {
      runner_->step(warm_[i], static_cast<std::int64_t>(i) + 1, options_.lr);
      if (i == 0) { first_step = process_age_seconds() - reference_seconds_; }
    }
    runner_->buffer().values().copy_(saved);
    runner_->buffer().exp_avg().zero_();
    runner_->buffer().exp_avg_sq().zero_();
    runner_->set_updates(0);
    setup_.model->refresh();
    return first_step;
  }

  void time_steps(double to_first_forward, double first_step) {
    std::vector<double> losses;
    double tokens = 0, computed = 0;
    const double begin = monotonic_seconds();
    for (std::size_t i = 0; i < timed_.size(); ++i) {
      losses.push_back(runner_->step(timed_[i], static_cast<std::int64_t>(i) + 1, options_.lr).loss);
      tokens += static_cast<double>(timed_[i].tokens);
      for (const PackedBatch& micro : timed_[i].micro_batches) {
        computed += static_cast<double>(micro.num_tokens());
      }
    }
    const double seconds = monotonic_seconds() - begin;
    const auto pairs = static_cast<double>(options_.timed);
    const double bound = product_bound_seconds();
    const Json line{{"peer", "una"},
                    {"method", config_.method},
                    {"dtype", options_.dtype},
                    {"prefix_sharing", options_.prefix_sharing},
                    {"live_reference", options_.live_reference},
                    {"batch", options_.batch},
                    {"pairs", options_.timed},
                    {"threads", at::get_num_threads()},
                    {"s_per_pair", seconds / pairs},
                    {"tokens_per_s", tokens / seconds},
                    {"tokens_per_pair", tokens / pairs},
                    {"computed_tokens_per_pair", computed / pairs},
                    {"reference_s_per_pair", reference_seconds_ / pairs},
                    {"product_bound_s_per_pair", bound / pairs},
                    {"product_share", bound / seconds},
                    {"start_to_first_forward_s", to_first_forward},
                    {"start_to_first_step_s", first_step},
                    {"peak_mb", static_cast<double>(peak_memory_bytes()) / 1048576},
                    {"peak_device_mb",
                     static_cast<double>(kernels::device_memory(setup_.model->device()).peak) / 1048576},
                    {"largest_micro_batch", largest_micro_batch()},
                    {"losses", losses}};
    std::printf("%s\n", line.dump().c_str());
  }

  std::int64_t largest_micro_batch() const {  // tokens
    std::int64_t out = 0;
    for (const StepBatch& step : timed_) {
      for (const PackedBatch& micro : step.micro_batches) { out = std::max(out, micro.num_tokens()); }
    }
    return out;
  }

  // The bound of the timed steps; 0 where it is not known: on a card, and for methods and options whose steps have other passes.
  double product_bound_seconds() const {
    const bool plain = options_.method == "dpo" && !options_.live_reference && !options_.use_dora &&
                       !options_.gradient_checkpointing && !options_.exact_sampling;
    if (!plain || !setup_.model->device().is_cpu()) { return 0; }
    std::vector<PackedBatch> batches;
    for (const StepBatch& step : timed_) {
      batches.insert(batches.end(), step.micro_batches.begin(), step.micro_batches.end());
    }
    return product_bound(setup_.folder.spec, setup_.model->dtype(), config_.model.lora_r, batches);
  }

  BenchOptions options_;
  setup::RunConfig config_;
  std::unique_ptr<dist::Gang> gang_ = dist::make_gang();
  std::unique_ptr<objective::Objective> objective_;
  setup::ModelSetup setup_;
  std::unique_ptr<train::StepRunner> runner_;
  std::vector<StepBatch> timed_, warm_;
  double reference_seconds_ = 0;
};

int bench_train(const Arguments& arguments) {
  const auto options = read_command<BenchOptions>(arguments, {});
  check_input(!options.model.empty() && !options.pairs.empty(), "bench: --model and --pairs are needed");
  kernels::set_threads(options.threads);
  TrainBench(options).run();
  return 0;
}

}  // namespace

HelpPage bench_help(const Arguments& arguments) {
  const std::string name = arguments.empty() ? "" : arguments[0];
  if (name == "generate") { return bench_generate_help(); }
  if (name == "online") { return bench_online_help(); }
  if (name == "bandit") { return bench_bandit_help(); }
  return options_page<BenchOptions>(kUsage);
}

int run_bench(const Arguments& arguments) {
  if (arguments.empty()) {
    print_help(bench_help(arguments));
    return 2;
  }
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (arguments[0] == "generate") { return bench_generate(rest); }
  if (arguments[0] == "online") { return bench_online(rest); }
  if (arguments[0] == "bandit") { return bench_bandit(rest); }
  check_input(arguments[0] == "train", "bench: '", arguments[0],
              "' is unknown, choose train, generate, bandit or online");
  return bench_train(rest);
}

}  // namespace una::recipe
