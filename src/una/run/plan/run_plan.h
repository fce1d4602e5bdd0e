#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/data/dataset.h"
#include "una/model/model_memory.h"
#include "una/objective/objective.h"
#include "una/run/plan/operation_count.h"
#include "una/setup/run_config.h"

namespace una::run {

// What a run will read, compute and need, known from its rows and the model's config.json alone.
struct RunPlan {
  // One item of the memory needed at the peak.
  struct Part {
    std::string name, note;
    double bytes = 0;
  };
  std::int64_t steps = 0, steps_per_epoch = 0, rows_per_step = 0;
  std::int64_t walked_steps = 0;  // of the first epoch; `work` is scaled from them
  bool samples = false;           // online: answers are taken to be as long as they may become
  double longest_prompt = 0;      // tokens, online
  Work work;                      // of the whole run
  Work largest;                   // the micro-batch that takes the most memory
  model::ModelMemory model;
  std::vector<Part> memory;   // in the order in which it is taken; they are held at one time
  double bytes_a_number = 0;  // of the compute dtype
  double checkpoint_bytes = 0;
  double operations = 0;  // multiplications and additions of the run's matrix products
  double reference_operations = 0, sampling_operations = 0;  // of them, before the steps learn
  // What each micro-batch of the walked steps costs in the forward, in operations; online: each prompt with its answers.
  std::vector<std::vector<double>> micro_batches;

  double peak_bytes() const;
};

// The memory of one of several ranks that split the optimiser's moments (zero_stage 1).
void split_moments(RunPlan& plan, std::int64_t ranks);

struct PlanLimits {
  std::int64_t walked_rows = 0;  // at most so many rows are looked at
  double held_out_tokens =
      0;  // of the key-value cache in evaluations (held_out_cache_tokens); 0: nothing is sampled
};

// `rows`: those that train. The resident set of the process as it is now, with program, tokenizer and rows,
// is the first part, so the call belongs between reading rows and loading the model.
RunPlan plan_run(const setup::RunConfig& config, const ModelSpec& spec,
                 const objective::Objective::Needs& needs, const data::Dataset& rows,
                 const PlanLimits& limits);

// "1.7 GB: 210 MB program and rows, 269 MB weights, ..."
std::string memory_line(const RunPlan& plan);
// What to do where the machine has less than that to give; "" where it has enough.
std::string memory_warning(const setup::RunConfig& config, const RunPlan& plan);

}  // namespace una::run
