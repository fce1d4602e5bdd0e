#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/output_folder.h"
#include "una/data/dataset.h"
#include "una/dist/gang.h"
#include "una/objective/objective.h"
#include "una/run/plan/run_plan.h"
#include "una/setup/model_setup.h"
#include "una/setup/run_config.h"
#include "una/setup/text_setup.h"
#include "una/train/step_runner.h"
#include "una/train/training_loop.h"

namespace una::run {

// One training run from files to files: the command behind train, una, dpo, kto, sft and reward. Returns the
// exit code.
int run_training(const setup::RunConfig& config);
// The same up to the model, which is not loaded: what the run would need. Nothing is written.
RunPlan plan_training(const setup::RunConfig& config);

// The nearest folder of `path` that exists is writable; nothing is made. InputError otherwise.
void check_output_place(const std::string& path);
// A defaulted max_length is lowered to the model's positions; a given one above them is an InputError.
std::int64_t fitted_max_length(std::int64_t max_length, const ModelSpec& spec);

OutputFolderRule output_rule(const setup::RunConfig& config);
// "" when the run starts from its beginning. InputError when there is no checkpoint in the output folder.
std::string checkpoint_to_resume(const setup::RunConfig& config);

// Calls `read`; a sentence about --dataset_name becomes one about `key`, whose files are read by the same means.
void read_rows_of(const char* key, const std::function<void()>& read);

// The data of a run, split into training and evaluation rows.
struct RunData {
  std::unique_ptr<data::Dataset> train, eval;
};
// Rows left out are listed in `dropped_path`.
RunData load_run_data(const setup::RunConfig& config, const setup::TextSetup& text,
                      const objective::Objective& objective, const std::string& dropped_path);
std::vector<StepBatch> make_eval_batches(const data::Dataset& dataset, const setup::RunConfig& config,
                                         bool with_kl_rows);

// Policy = reference at step 0 : log-ratios, and the loss the objective says it must show.
// Returns a sentence for the log; InputError when they do not agree.
std::string step0_self_check(train::StepRunner& runner, const StepBatch& batch);

data::PackOptions pack_options(const setup::RunConfig& config);
train::StepOptions step_options(const setup::RunConfig& config);

}  // namespace una::run
