#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/cpus.h"
#include "una/kernels/adamw.h"
#include "una/kernels/threads.h"
#include "una/recipe/commands.h"
#include "una/recipe/shell/help.h"
#include "una/run/plan/product_rate.h"
#include "una/run/scale/gang_simulation.h"
#include "una/run/scale/scale_plan.h"
#include "una/run/training_run.h"

namespace una::recipe {
namespace {

// A run's time over that of its matrix products at the speed measured here (docs/plan.md has the runs).
constexpr double kLeast = 0.8, kMost = 2;
// Further seconds per layer and micro-batch: many small calls, each divided among the threads.
constexpr double kLeastCall = 0.002, kMostCall = 0.01;

// The keys of `una plan` in addition to a run's.
struct PlanOptions {
  bool json = false;
  run::ScaleOptions scale;
  run::SimulationOptions simulation;
  template <class V>
  void fields(V&& v) {
    v("json", json, "print one JSON object");
    scale.fields(v);
    simulation.fields(v);
  }
};

// Bytes a second of this machine in the optimiser's update, of more numbers than the caches hold.
double measured_bandwidth() {
  constexpr std::int64_t kNumbers = 1 << 23;
  constexpr double kBytes = 28;  // of a number: value, gradient and two moments read, three of them written
  constexpr int kTries = 6;
  const c10::AutoGradMode no_grad(false);
  at::Tensor value = at::ones({kNumbers}), grad = at::ones({kNumbers});
  at::Tensor mean = at::ones({kNumbers}), square = at::ones({kNumbers});
  double best = 1e30;
  for (int tries = 0; tries < kTries; ++tries) {
    const double start = monotonic_seconds();
    kernels::adamw_step(value, grad, mean, square, {});
    best = std::min(best, monotonic_seconds() - start);
  }
  return kBytes * static_cast<double>(kNumbers) / best;
}

// What one rank reaches: what the keys give, else what is measured here. Ranks of one machine like this one share it.
run::RankSpeed rank_speed(const run::ScaleOptions& options, double measured_operations) {
  check_input(options.rank_tflops >= 0, "rank_tflops must be 0 (measured here) or positive, not ",
              options.rank_tflops);
  return {.operations = options.rank_tflops > 0 ? options.rank_tflops * 1e12 : measured_operations,
          .bytes = options.rank_bandwidth.empty()
                       ? measured_bandwidth()
                       : run::parse_rate(options.rank_bandwidth, "rank_bandwidth")};
}

// What `una plan` says of several ranks; "" where nothing of it was asked for.
struct GangPlan {
  std::optional<run::ScalePlan> scale;
  std::vector<run::SimulatedGang> gangs;
  std::string text;
};

GangPlan gang_plan(const setup::RunConfig& config, const PlanOptions& options, const run::RunPlan& plan,
                   double measured_operations) {
  GangPlan out;
  const bool several = options.scale.world_size != 1 || options.scale.nodes != 1;
  const bool splits = setup::splits_moments(options.scale.zero, config.model.use_peft);
  if (!several && !options.simulation.simulate && options.scale.rank_memory.empty()) { return out; }
  const run::RankSpeed speed = rank_speed(options.scale, measured_operations);
  out.scale = run::scale_plan(plan, options.scale, splits, speed);
  out.text = run::scale_text(*out.scale);
  if (!options.simulation.simulate) { return out; }
  const std::int64_t save_steps = config.train.save_strategy == "no"      ? 0
                                  : config.train.save_strategy == "epoch" ? plan.steps_per_epoch
                                                                          : config.train.save_steps;
  out.gangs = run::simulate_gangs(plan, options.scale, splits, options.simulation, speed, save_steps);
  out.text += run::simulation_text(out.gangs, options.scale, options.simulation, speed);
  return out;
}

// Seconds that the run will take, and the operations per second that they are computed from.
struct TimeRange {
  double least = 0, most = 0, rate = 0;
};

TimeRange time_of(const setup::RunConfig& config, const run::RunPlan& plan) {
  const ModelSpec spec = setup::read_folder_spec(config.model.model_name_or_path);
  TimeRange out;
  out.rate = run::product_rate(spec, setup::training_dtype(config.model, spec), plan.largest.tokens);
  const double calls = plan.work.micro_batches * static_cast<double>(spec.num_layers);
  out.least = kLeast * plan.operations / out.rate + kLeastCall * calls;
  out.most = kMost * plan.operations / out.rate + kMostCall * calls;
  return out;
}

Json plan_json(const run::RunPlan& plan, const TimeRange& time) {
  Json memory = Json::array();
  for (const run::RunPlan::Part& part : plan.memory) {
    memory.push_back({{"name", part.name}, {"mb", part.bytes / 1048576}, {"note", part.note}});
  }
  return {{"steps", plan.steps},
          {"steps_per_epoch", plan.steps_per_epoch},
          {"rows_per_step", plan.rows_per_step},
          {"computed_tokens", plan.work.tokens},
          {"answer_tokens", plan.work.logps},
          {"largest_micro_batch_tokens", plan.largest.tokens},
          {"parameters", plan.model.parameters},
          {"trained_parameters", plan.model.trained},
          {"memory", memory},
          {"planned_memory_mb", plan.peak_bytes() / 1048576},
          {"available_memory_mb", static_cast<double>(available_memory_bytes()) / 1048576},
          {"checkpoint_mb", plan.checkpoint_bytes / 1048576},
          {"operations", plan.operations},
          {"operations_per_second", time.rate},
          {"seconds_least", time.least},
          {"seconds_most", time.most}};
}

void print_memory(const run::RunPlan& plan) {
  std::printf("memory\n");
  for (const run::RunPlan::Part& part : plan.memory) {
    std::printf("  %-18s%10s  %s\n", part.name.c_str(), human_bytes(part.bytes).c_str(), part.note.c_str());
  }
  std::printf("  %-18s%10s  of %s that are free\n", "peak, about", human_bytes(plan.peak_bytes()).c_str(),
              human_bytes(static_cast<double>(available_memory_bytes())).c_str());
}

// "less than a second", "up to 0:04", "0:05 to 0:20".
std::string time_text(const TimeRange& time) {
  if (time.most < 1) { return "less than a second"; }
  if (time.least < 1) { return "up to " + human_seconds(time.most); }
  return cat(human_seconds(time.least), " to ", human_seconds(std::max(time.most, time.least + 1)));
}

// How busy the machine was while its speed was measured; "" where that is not known.
std::string load_text() {
  double load = 0;
  if (::getloadavg(&load, 1) != 1) { return ""; }
  return cat(" (load ", fixed(load, 1), " on ", available_cpus(), " processors)");
}

void print_plan(const setup::RunConfig& config, const run::RunPlan& plan, const TimeRange& time) {
  const auto count = [](double value) { return thousands(static_cast<std::int64_t>(value)); };
  std::printf("steps      %s of %s rows, %s per epoch\n", thousands(plan.steps).c_str(),
              thousands(plan.rows_per_step).c_str(), thousands(plan.steps_per_epoch).c_str());
  std::printf("tokens     %s computed%s, %s of them in answers\n", count(plan.work.tokens).c_str(),
              plan.samples ? " if every sample is as long as it may be" : "", count(plan.work.logps).c_str());
  print_memory(plan);
  const std::int64_t kept = std::max<std::int64_t>(1, config.train.save_total_limit) + 1;
  std::printf("disk       %s per checkpoint, %s for those that are kept and one being written\n",
              human_bytes(plan.checkpoint_bytes).c_str(),
              human_bytes(plan.checkpoint_bytes * static_cast<double>(kept)).c_str());
  const std::string operations =
      plan.operations < 1e15 ? significant(plan.operations / 1e12, 3) : count(plan.operations / 1e12);
  std::printf(
      "time       %s: %s TFLOP at the %s GFLOP/s measured here%s, evaluation and checkpoints not counted\n",
      time_text(time).c_str(), operations.c_str(), significant(time.rate / 1e9, 3).c_str(),
      load_text().c_str());
  if (const std::string warning = run::memory_warning(config, plan); !warning.empty()) {
    std::printf("warning    %s\n", warning.c_str());
  }
}

}  // namespace

HelpPage plan_help(const Arguments& arguments) {
  return {
      "usage: una plan --method una|dpo|kto|... --model DIR --data FILE [keys of the run]\n"
      "what the run would need; the model is not loaded, nothing is written",
      run_groups(setup::find_method("una"), wants_all_help(arguments), describe_options(PlanOptions{}))};
}

int run_plan(const Arguments& arguments) {
  const setup::CommandKeys keys{.own = describe_options(PlanOptions{}), .also = {}};
  Settings settings;
  const setup::RunConfig config = setup::read_run_config(arguments, "", keys, settings);
  PlanOptions options;
  read_options(settings, options);
  kernels::set_threads(config.run.threads);
  const run::RunPlan plan = run::plan_training(config);
  const TimeRange time = time_of(config, plan);
  const GangPlan gang = gang_plan(config, options, plan, time.rate);
  if (options.json) {
    Json json = plan_json(plan, time);
    if (gang.scale) { json["gang"] = run::scale_json(*gang.scale); }
    if (!gang.gangs.empty()) { json["simulation"] = run::simulation_json(gang.gangs); }
    std::printf("%s\n", json.dump().c_str());
    return 0;
  }
  print_plan(config, plan, time);
  std::printf("%s", gang.text.c_str());
  return 0;
}

}  // namespace una::recipe
