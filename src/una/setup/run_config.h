#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/objective/objective.h"
#include "una/online/online_options.h"
#include "una/rows/data_options.h"
#include "una/setup/held_out_options.h"
#include "una/setup/quantise_options.h"
#include "una/train/train_options.h"

namespace una::setup {

inline constexpr const char* kDeviceHelp = "where models compute: cpu | cuda (the first card) | cuda:N";

// The model, what of it trains, and where it computes.
struct ModelOptions {
  std::string model_name_or_path;
  std::string adapter;
  std::string ref_model;
  std::string dtype = "auto";
  bool bf16 = false;
  std::string device = "cpu";
  QuantiseOptions quantise;
  bool use_peft = true;
  bool train_router = false;
  std::int64_t lora_r = 16;
  double lora_alpha = 32;
  double lora_dropout = 0;
  std::vector<std::string> lora_target_modules = {"all-linear"};
  std::vector<std::string> lora_target_parameters;
  bool use_rslora = false;
  bool use_dora = false;
  std::vector<std::string> lora_modules_to_save;
  std::string bias = "none";
  std::vector<std::string> rank_pattern, alpha_pattern;
  std::vector<std::string> layers_to_transform, layers_pattern;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "a Hugging Face model folder (alias --model)");
    v("adapter", adapter, "start from this PEFT adapter folder (it also becomes the reference)");
    v("ref_model", ref_model, "another model folder as the reference; empty: the policy as it was at step 0");
    v("dtype", dtype,
      "compute: auto (as stored, fp16 as bf16; float32 on a CPU without bf16 products) | float32 | bfloat16");
    v("bf16", bf16, "the same as dtype bfloat16");
    v("device", device, kDeviceHelp);
    quantise.fields(v);
    v("use_peft", use_peft, "train a LoRA adapter; false: every weight");
    v("train_router", train_router,
      "with use_peft false: the routers of a mixture of experts train too; false: they stay frozen");
    v("lora_r", lora_r, "LoRA rank");
    v("lora_alpha", lora_alpha, "LoRA alpha; the scale is alpha / r");
    v("lora_dropout", lora_dropout, "LoRA dropout");
    v("lora_target_modules", lora_target_modules, "module names, or all-linear");
    v("lora_target_parameters", lora_target_parameters,
      "the experts of a mixture that get LoRA: mlp.experts.gate_up_proj mlp.experts.down_proj");
    v("use_rslora", use_rslora, "scale alpha / sqrt(r)");
    v("use_dora", use_dora, "DoRA: a trained magnitude for each row of W + s B A");
    v("lora_modules_to_save", lora_modules_to_save,
      "modules that train whole and are saved with the adapter: embed_tokens, lm_head, norms");
    v("bias", bias, "the base's biases that train along: none | lora_only (of adapted linears) | all");
    v("rank_pattern", rank_pattern, "other ranks: q_proj=4 'layers.0.*=2'; the first that matches counts");
    v("alpha_pattern", alpha_pattern, "the same for alpha");
    v("layers_to_transform", layers_to_transform, "numbers of the layers that get adapters; none: all");
    v("layers_pattern", layers_pattern, "what comes before those numbers in names; none: anything");
  }
};

// Folders, evaluation rows and checks of one run.
struct RunOptions {
  std::string output_dir;
  bool overwrite_output_dir = false;
  std::string resume_from_checkpoint;
  std::vector<std::string> eval_data;
  std::string dataset_test_split = "test";
  double eval_fraction = 0;
  std::vector<std::string> report_to = {"tensorboard"};
  std::string logging_dir;
  std::string reference_cache_dir = "auto";
  double reference_cache_gb = 8;
  bool precompute_ref_log_probs = false;
  bool self_check = true;
  std::int64_t threads = 0;
  bool dry_run = false;
  bool save_merged = false;
  template <class V>
  void fields(V&& v) {
    v("output_dir", output_dir, "run folder (alias --out)");
    v("overwrite_output_dir", overwrite_output_dir, "empty a run folder that is in use");
    v("resume_from_checkpoint", resume_from_checkpoint,
      "true: the newest checkpoint of output_dir; auto: the same, or the start where there is none; or a folder");
    v("eval_data", eval_data, "rows for evaluation during training");
    v("dataset_test_split", dataset_test_split,
      "the part of eval_data to use, or, without eval_data, of dataset_name: train[90%:]");
    v("eval_fraction", eval_fraction, "share of the training rows kept apart for evaluation");
    v("report_to", report_to,
      "tensorboard | mlflow (output_dir/mlruns) | wandb (output_dir/wandb, for wandb sync) | all | none; metrics.jsonl and "
      "report.html are always written");
    v("logging_dir", logging_dir, "TensorBoard folder; empty: output_dir/runs/<date>_<host>");
    v("reference_cache_dir", reference_cache_dir, "auto ($XDG_CACHE_HOME/una) | none | a folder");
    v("reference_cache_gb", reference_cache_gb, "size cap of that folder");
    v("precompute_ref_log_probs", precompute_ref_log_probs, "fill the reference cache before the first step");
    v("self_check", self_check, "check at step 0 that policy and reference agree");
    v("threads", threads, "compute threads; 0: all processors of this process");
    v("dry_run", dry_run, "read everything, show the plan, train nothing");
    v("save_merged", save_merged, "also write the merged model to output_dir/merged");
  }
};

// All keys of a training run. Flat: each key is in exactly one of the structs.
struct RunConfig {
  std::string config_file;  // of --config; not a key
  std::string method = "una";
  ModelOptions model;
  rows::DataOptions data;
  objective::ObjectiveOptions objective;
  train::TrainOptions train;
  RunOptions run;
  online::OnlineOptions online;
  HeldOutOptions held_out;
  template <class V>
  void fields(V&& v) {
    v("method", method, "una | dpo | kto | sft | reward | una_online | rloo | grpo | online_dpo | ppo");
    model.fields(v);
    data.fields(v);
    objective.fields(v);
    train.fields(v);
    run.fields(v);
    online.fields(v);
    held_out.fields(v);
  }

  std::uint64_t order_seed() const;    // of the order of rows: data_seed, or seed
  std::int64_t rows_per_step() const;  // all micro-batches together; a pair or a group is one row
};

// The defaults of a method: una as in the paper, the others as TRL 1.16. InputError for an unknown method.
RunConfig default_config(const std::string& method);

// The keys of a command in addition to a run's.
struct CommandKeys {
  std::vector<OptionHelp> own;    // which a run does not have
  std::vector<std::string> also;  // a run's, which the command reads whatever the method
};

// default < --config file < flags. `method` "": from flags or file, else una. InputError for unknown keys and for
// keys that the method does not read.
RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method);
// `own_settings` gets what was given of the command's own keys.
RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method,
                          const CommandKeys& keys, Settings& own_settings);

// The parts of that which other commands use.
OptionHelp config_key();    // --config
OptionHelp download_key();  // --download
// Takes --download out of the settings: models that are named from here on may be fetched. It belongs to the command
// line alone, so that a run.yaml never downloads.
void apply_download_key(Settings& settings);
// A YAML file of keys, by their names here. InputError where a key and its alias are both there.
Settings read_config_file(const std::string& path, const std::map<std::string, std::string>& aliases);
// InputError that names every key which is not in `known`. Keys that mean something to Python programs only are
// warned of and passed over.
void check_keys(const Settings& settings, const std::vector<OptionHelp>& known);

// The same config with folders and files as absolute paths, so that run.yaml holds anywhere.
RunConfig with_absolute_paths(RunConfig config);

// The keys whose values differ from the method's defaults, as YAML.
std::string print_changed(const RunConfig& config);

// Short names: model, data, out, ...
const std::map<std::string, std::string>& option_aliases();

// How rows for evaluation are read: those of eval_data, or a slice of the training files that dataset_test_split
// names; nullopt: there are none.
std::optional<rows::DataOptions> eval_options(const RunConfig& config);

// The keys that a resumed run may change.
bool may_change_on_resume(const std::string& key);

}  // namespace una::setup
