#include "una/run/plan/run_plan.h"

#include <algorithm>
#include <cmath>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/heap.h"
#include "una/kernels/devices.h"
#include "una/run/training_run.h"
#include "una/setup/methods.h"
#include "una/setup/model_setup.h"
#include "una/setup/reward_setup.h"
#include "una/weights/peft_adapter.h"

namespace una::run {
namespace {

// LibTorch once it computes: pages of its code, threads, primitives that it keeps.
constexpr double kComputing = 20e6;
// Free pages between live ones of the C heap (base/os/heap.h), as a share of what a pass takes. tcmalloc gives large blocks
// back, but keeps some small ones in any case. Measured over the runs of tools/bench_memory.py.
constexpr double kHoles = 0.25, kHolesOfTcmalloc = 0.1, kKeptByTcmalloc = 24e6, kMostOfTcmalloc = 0.5;
// Code and descriptions of the newest products of bf16 (kernels/threads.cpp). Measured over the same runs.
constexpr double kKeptProducts = 15e6;
constexpr double kOptimiserBytes = 16;  // fp32: value, gradient, AdamW's two moments
constexpr double kMomentBytes = 8;      // of them
constexpr const char* kTrained = "trained";
constexpr const char* kCritic = "critic";

double as_double(std::int64_t value) { return static_cast<double>(value); }

void remember_largest(const Work& micro, RunPlan& plan) {
  if (plan.model.pass(micro.tokens, micro.logps) > plan.model.pass(plan.largest.tokens, plan.largest.logps)) {
    plan.largest = micro;
  }
}

void walk_rows(const setup::RunConfig& config, const OperationCount& counted, bool with_kl_rows,
               const data::Dataset& rows, std::int64_t limit, RunPlan& plan) {
  const std::uint64_t seed = config.order_seed();
  data::StepStream stream(rows, plan.rows_per_step, seed, config.train.shuffle, pack_options(config),
                          with_kl_rows);
  const std::int64_t most = std::max<std::int64_t>(1, limit / plan.rows_per_step);
  plan.walked_steps = std::min({plan.steps, plan.steps_per_epoch, most});
  for (std::int64_t i = 0; i < plan.walked_steps; ++i) {
    const StepBatch step = stream.next();
    plan.work += work_of(step);
    std::vector<double>& costs = plan.micro_batches.emplace_back();
    for (const PackedBatch& batch : step.micro_batches) {
      const Work micro = work_of(batch);
      remember_largest(micro, plan);
      costs.push_back(counted.forward(micro));
    }
  }
}

// Samples do not exist yet: every answer is taken to be max_completion_length long.
void suppose_samples(const setup::RunConfig& config, const OperationCount& counted,
                     const data::Dataset& prompts, std::int64_t limit, RunPlan& plan) {
  const double answer = as_double(config.objective.max_completion_length);
  const double answers = as_double(config.online.num_generations);
  const double budget = as_double(config.train.max_tokens_per_micro_batch);
  Work micro_batch;  // of the prompts in the order of their file
  const std::int64_t looked_at = std::min({prompts.size(), limit, plan.steps * plan.rows_per_step});
  for (std::int64_t i = 0; i < looked_at; ++i) {
    const auto prompt = as_double(prompts.row(i).tokens());
    const Work row{.tokens = prompt + answers * answer,
                   .logps = answers * answer,
                   .pairs = prompt * prompt / 2 + answers * answer * (prompt + answer / 2),
                   .micro_batches = 1};
    plan.work += row;
    if (i % plan.rows_per_step == 0) { plan.micro_batches.emplace_back(); }
    plan.micro_batches.back().push_back(counted.forward(row));
    const bool is_full = i % plan.rows_per_step == 0 || micro_batch.tokens + row.tokens > budget;
    if (is_full) { micro_batch = {}; }
    micro_batch += row;
    if (micro_batch.tokens > plan.largest.tokens) { plan.largest = micro_batch; }
    plan.longest_prompt = std::max(plan.longest_prompt, prompt);
  }
  plan.walked_steps = std::max<std::int64_t>(1, looked_at / plan.rows_per_step);
}

model::MemoryRequest request_of(const setup::RunConfig& config, const ModelSpec& spec, bool scores) {
  model::MemoryRequest out;
  out.dtype = setup::training_dtype(config.model, spec);
  out.train_full = !config.model.use_peft;
  out.train_router = config.model.train_router;
  out.quantise = config.model.quantise.quantisation();
  out.gradient_checkpointing = config.train.gradient_checkpointing;
  out.scores = scores;
  if (config.model.use_peft) {
    out.adapter = config.model.adapter.empty() ? setup::fresh_lora(config.model, scores)
                                               : weights::read_adapter_config(config.model.adapter);
  }
  return out;
}

// Sentences about a loaded adapter name its folder, as when it is loaded.
model::ModelMemory policy_memory(const setup::RunConfig& config, const ModelSpec& spec, bool scores) {
  try {
    return model::plan_memory(spec, request_of(config, spec, scores));
  } catch (const InputError& error) {
    const std::string& folder = config.model.adapter;
    const bool loaded = !folder.empty() && starts_with(error.what(), "LoRA");
    throw InputError(loaded ? cat(folder, ": ", error.what()) : std::string(error.what()));
  }
}

// Weight bytes of a frozen model (reference, reward).
double frozen_weights(const ModelSpec& spec, at::ScalarType dtype, const Quantisation& quantise = {}) {
  return model::plan_memory(spec, {.dtype = dtype, .quantise = quantise}).weights;
}

void add_part(RunPlan& plan, const std::string& name, double bytes, const std::string& note = "") {
  if (bytes > 0) { plan.memory.push_back({name, note, bytes}); }
}

double trained_bytes(const RunPlan& plan) {
  return kOptimiserBytes * as_double(plan.model.trained) + plan.model.copies;
}

// PPO's: an adapter as the policy's, on its model or on one of its own.
void add_critic(const setup::RunConfig& config, RunPlan& plan) {
  const bool own = config.online.critic == "model";
  add_part(plan, kCritic, trained_bytes(plan) + (own ? plan.model.weights : 0),
           own ? "a model of its own" : "a second adapter");
}

void add_models(const setup::RunConfig& config, const ModelSpec& spec, bool with_reference, RunPlan& plan) {
  const at::ScalarType dtype = setup::training_dtype(config.model, spec);  // the reference's too
  const Quantisation how = config.model.quantise.quantisation();
  add_part(plan, "weights", plan.model.weights,
           cat(thousands(plan.model.parameters), " parameters",
               how.any() ? cat(", ", thousands(plan.model.linears), " of them in ", how.name()) : ""));
  add_part(plan, "expanded weights", plan.model.scratch,
           "the matrices that are computed with, one at a time");
  if (with_reference && !config.model.ref_model.empty()) {
    const ModelSpec reference = setup::read_folder_spec(config.model.ref_model);
    add_part(plan, "reference", frozen_weights(reference, dtype, config.model.quantise.quantisation()),
             config.model.ref_model);
  } else if (with_reference && !config.model.use_peft) {
    add_part(plan, "reference", frozen_weights(spec, dtype), "a frozen copy of the model");
  } else if (with_reference && !config.model.adapter.empty()) {
    add_part(plan, "reference", plan.model.copies, "a frozen copy of the adapter");
  }
  std::vector<std::string> rewards = config.held_out.eval_reward;
  if (plan.samples) {
    rewards.insert(rewards.end(), config.online.reward.begin(), config.online.reward.end());
  }
  for (const std::string& reward : rewards) {
    const std::string prefix = "model:";
    if (!starts_with(reward, prefix)) { continue; }
    const ModelSpec scorer = setup::read_folder_spec(setup::model_place(reward.substr(prefix.size())).folder);
    add_part(plan, "reward model", frozen_weights(scorer, setup::compute_dtype("auto", scorer)), reward);
  }
  add_part(plan, kTrained, trained_bytes(plan),
           cat(thousands(plan.model.trained), " parameters with gradient and AdamW's moments in fp32"));
}

// What sampling takes beyond training: its cache is free again when training begins. Online it is the run's own, and in
// evaluations that of held-out prompts (`held_out_tokens`); the larger one counts.
void add_cache(const setup::RunConfig& config, double held_out_tokens, double training, RunPlan& plan) {
  const double answer = as_double(config.objective.max_completion_length);
  const double own = plan.samples && config.online.sampling_endpoint.empty()
                         ? as_double(config.online.generation_batch_size) * (plan.longest_prompt + answer)
                         : 0;
  const double tokens = std::max(own, held_out_tokens);
  if (tokens == 0) { return; }
  // A state for each answer, and one for its prompt.
  const double states = 2 * as_double(config.online.generation_batch_size) * plan.model.state_per_sequence;
  const double bytes = tokens * plan.model.cache_per_token + states;
  const std::string of = own >= held_out_tokens
                             ? cat(config.online.generation_batch_size, " answers at one time")
                             : std::string("answers to held-out prompts");
  plan.memory.push_back({"key-value cache",
                         cat(human_bytes(bytes), " for ", of, ", free again when training begins"),
                         std::max(0.0, bytes - training)});
}

// `passes` are alive at one time: the policy's, and a critic's.
void add_work(const setup::RunConfig& config, double passes, double held_out_tokens, RunPlan& plan) {
  const model::ModelMemory& model = plan.model;
  const double pass = model.pass(plan.largest.tokens, plan.largest.logps);
  const double kept = model.kept_per_token * plan.largest.tokens;
  const double holes = has_tcmalloc()
                           ? std::min(kHolesOfTcmalloc * pass + kKeptByTcmalloc, kMostOfTcmalloc * pass)
                           : kHoles * pass;
  const double training = (passes - 1) * kept + pass + holes;
  add_part(plan, "activations", passes * kept,
           cat(thousands(std::llround(plan.largest.tokens)), " tokens in the largest micro-batch",
               config.train.gradient_checkpointing ? ", one a layer" : ""));
  add_part(plan, "working memory", pass - kept, "logits of a chunk, gradients on their way");
  const bool by_one_dnn = plan.bytes_a_number < 4 && config.model.device == "cpu";
  add_part(plan, "code of products", by_one_dnn ? kKeptProducts : 0, "of bf16, which oneDNN keeps");
  add_part(plan, "heap fragmentation", holes);
  add_cache(config, held_out_tokens, training, plan);
}

void count_operations(const setup::RunConfig& config, const objective::Objective::Needs& needs,
                      const OperationCount& counted, RunPlan& plan) {
  const double alone = counted.forward(plan.work);
  if (needs.reference || needs.kl_rows) {
    const bool remembered = config.run.reference_cache_dir != "none" && !plan.samples;
    const double epochs = as_double(plan.steps) / as_double(std::max<std::int64_t>(1, plan.steps_per_epoch));
    plan.reference_operations = alone / (remembered ? std::max(1.0, epochs) : 1.0);
  }
  plan.reference_operations += counted.mismatched(plan.work);
  if (plan.samples) { plan.sampling_operations = alone; }
  plan.operations = counted.training(plan.work) + plan.reference_operations + plan.sampling_operations;
}

}  // namespace

double RunPlan::peak_bytes() const {
  double sum = 0;
  for (const Part& part : memory) { sum += part.bytes; }
  return sum;
}

RunPlan plan_run(const setup::RunConfig& config, const ModelSpec& spec,
                 const objective::Objective::Needs& needs, const data::Dataset& rows,
                 const PlanLimits& limits) {
  RunPlan plan;
  const auto& t = config.train;
  plan.samples = setup::is_online(config.method);
  plan.rows_per_step = config.rows_per_step();
  plan.steps_per_epoch = (rows.size() + plan.rows_per_step - 1) / plan.rows_per_step;
  plan.steps = train::total_steps(t, plan.steps_per_epoch);
  plan.model = policy_memory(config, spec, needs.score);
  const OperationCount counted = operation_count(config, spec, plan.model);
  plan.samples ? suppose_samples(config, counted, rows, limits.walked_rows, plan)
               : walk_rows(config, counted, needs.kl_rows, rows, limits.walked_rows, plan);
  plan.work *= as_double(plan.steps) / as_double(std::max<std::int64_t>(1, plan.walked_steps));
  plan.bytes_a_number = static_cast<double>(c10::elementSize(setup::training_dtype(config.model, spec)));
  add_part(plan, "program and rows", static_cast<double>(current_memory_bytes()) + kComputing,
           "LibTorch, tokenizer, rows");
  add_models(config, spec, needs.reference || needs.kl_rows, plan);
  if (needs.token_values) { add_critic(config, plan); }
  add_work(config, needs.token_values ? 2 : 1, limits.held_out_tokens, plan);
  plan.checkpoint_bytes = 3 * 4 * as_double(plan.model.trained) + 2e7;
  count_operations(config, needs, counted, plan);
  return plan;
}

void split_moments(RunPlan& plan, std::int64_t ranks) {
  for (RunPlan::Part& part : plan.memory) {
    if (part.name != kTrained && part.name != kCritic) { continue; }
    part.bytes -= kMomentBytes * as_double(plan.model.trained) * (1 - 1 / as_double(ranks));
    part.note += cat(", the moments split over ", ranks, " ranks");
  }
}

std::string memory_line(const RunPlan& plan) {
  std::vector<std::string> parts;
  for (const RunPlan::Part& part : plan.memory) {
    parts.push_back(cat(part.name, " ", human_bytes(part.bytes)));
  }
  return cat("about ", human_bytes(plan.peak_bytes()), ": ", join(parts, ", "));
}

namespace {

// 0: not known, since the plan may be for another machine.
double free_on_card(const std::string& device) {
  try {
    return static_cast<double>(kernels::device_memory(kernels::open_device(device)).free);
  } catch (const InputError&) { return 0; }
}

}  // namespace

std::string memory_warning(const setup::RunConfig& config, const RunPlan& plan) {
  const bool on_cpu = config.model.device == "cpu";
  const auto free = on_cpu ? static_cast<double>(available_memory_bytes() + current_memory_bytes())
                           : free_on_card(config.model.device);
  if (free == 0 || plan.peak_bytes() <= free) { return ""; }
  std::vector<std::string> less;
  if (!config.model.use_peft) { less.emplace_back("--use_peft true (LoRA)"); }
  if (!config.train.gradient_checkpointing) { less.emplace_back("--gradient_checkpointing true"); }
  if (plan.bytes_a_number > 2) { less.emplace_back("--dtype bfloat16"); }
  less.emplace_back("a smaller --max_tokens_per_micro_batch");
  return cat("the run needs about ", human_bytes(plan.peak_bytes()), " of memory, this ",
             on_cpu ? "machine" : "card", " has ", human_bytes(free), "; less with ", join(less, ", "));
}

}  // namespace una::run
