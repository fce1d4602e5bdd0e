#include "una/setup/run_config.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/rows/files/split.h"
#include "una/setup/hub_cache.h"
#include "una/setup/methods.h"
#include "una/setup/ppo_preset.h"
#include "una/setup/run_folder.h"
#include "una/setup/standard_input.h"

namespace una::setup {

RunConfig default_config(const std::string& method) {
  const Method& entry = find_method(method);
  RunConfig config;
  config.method = method;
  config.train.num_train_epochs = 3;
  if (entry.online) { config.train.metric_for_best_model = "eval_reward"; }
  entry.defaults(config);
  return config;
}

std::uint64_t RunConfig::order_seed() const {
  return static_cast<std::uint64_t>(train.data_seed.value_or(train.seed));
}

std::int64_t RunConfig::rows_per_step() const {
  return train.per_device_train_batch_size * train.gradient_accumulation_steps;
}

const std::map<std::string, std::string>& option_aliases() {
  static const std::map<std::string, std::string> kAliases = {
      {"model", "model_name_or_path"},      {"data", "dataset_name"},       {"out", "output_dir"},
      {"resume", "resume_from_checkpoint"}, {"train_file", "dataset_name"}, {"eval_dataset", "eval_data"},
      {"nproc_per_node", "nproc"},
  };
  return kAliases;
}

namespace {

// Keys of other programs and what they are called here.
constexpr std::pair<const char*, const char*> kForeignNames[] = {
    {"cutoff_len", "max_length"},
    {"sequence_len", "max_length"},
    {"base_model", "model_name_or_path"},
    {"lora_rank", "lora_r"},
    {"lora_target", "lora_target_modules"},
    {"lora_target_linear", "lora_target_modules: all-linear"},
    {"pref_beta", "beta"},
    {"rl_beta", "beta"},
    {"pref_loss", "loss_type"},
    {"dpo_loss_type", "loss_type"},
    {"micro_batch_size", "per_device_train_batch_size"},
    {"num_epochs", "num_train_epochs"},
    {"stage", "method"},
    {"rl", "method"},
    {"lr", "learning_rate"},
    {"lr_scheduler", "lr_scheduler_type"},
    {"epochs", "num_train_epochs"},
    {"batch_size", "per_device_train_batch_size"},
    {"finetuning_type", "use_peft"},
    {"torch_dtype", "dtype"},
    {"dataset", "dataset_name"},
    {"fp16", "bf16 (fp16 compute is not offered)"},
    {"max_seq_length", "max_length"},
    {"modules_to_save", "lora_modules_to_save"},
    {"additional_target", "lora_modules_to_save"},
    {"target_modules", "lora_target_modules"},
    {"peft_use_dora", "use_dora"},
    {"peft_use_rslora", "use_rslora"},
    {"peft_layers_to_transform", "layers_to_transform"},
    {"lora_bias", "bias (of the base: none, lora_only, all); biases on lora_B are not offered"},
    {"use_bnb_nested_quant", "bnb_4bit_use_double_quant"},
    {"double_quantization", "bnb_4bit_use_double_quant"},
    {"bnb_4bit_compute_dtype", "dtype"},
    {"quantization_bit", "load_in_4bit or load_in_8bit"},
    {"bnb_4bit_quant_storage", "nothing like it: codes are stored as bytes"},
    {"evaluation_strategy", "eval_strategy"},
    {"test_file", "eval_data"},
    {"kl_coef", "beta"},
    {"cliprange", "epsilon"},
    {"num_ppo_epochs", "num_iterations"},
    {"response_length", "max_completion_length"},
    {"vllm_importance_sampling_correction", "importance_sampling_correction"},
    {"vllm_importance_sampling_cap", "importance_sampling_cap"},
    {"vllm_importance_sampling_clip_max", "importance_sampling_cap"},
    {"target_kl", "kl_early_stop"},
    {"use_vllm", "sampling_endpoint"},
    {"vllm_server_base_url", "sampling_endpoint"},
    {"init_kl_coef", "beta"},
    {"freezing_actor_steps", "value_warmup_steps"},
    {"overlong_buffer_len", "soft_overlong_cache"},
    {"overlong_penalty_factor", "soft_overlong_penalty"},
    {"max_new_tokens", "max_completion_length"},
    {"reward_funcs", "reward"},
    {"reward_model_path", "reward model:FOLDER"},
    {"ref_model_name_or_path", "ref_model"},
    {"ref_adapter_name", "ref_model"},
    {"model_ref", "ref_model"},
    {"orpo_alpha", "beta (with dpo --loss_type orpo)"},
    {"cpo_alpha", "rpo_alpha (with dpo --loss_type simpo)"},
    {"gamma_beta_ratio", "simpo_gamma"},
    {"max_new_token", "max_completion_length"},
    {"push_to_hub", "nothing like it: una uploads nothing; use hf upload"},
    {"ld_alpha", "nothing like it yet: TRL's LD-DPO is not offered"},
    {"wandb_project", "nothing like it: metrics.jsonl, TensorBoard and MLflow files are written (report_to)"},
    {"deepspeed", "nothing like it: una shards nothing yet; several ranks: nproc"},
    {"fsdp", "nothing like it: una shards nothing yet; several ranks: nproc"},
    {"use_liger_kernel", "nothing like it: una's kernels are always fused"},
};

}  // namespace

const std::map<std::string, std::string>& foreign_names() {
  static const std::map<std::string, std::string> kNames(std::begin(kForeignNames), std::end(kForeignNames));
  return kNames;
}

namespace {

// Keys of Hugging Face's, TRL's and LLaMA-Factory's files that do not change what is learnt here.
bool is_python_only(const std::string& key) {
  static const std::set<std::string> kKeys = {"trust_remote_code",
                                              "attn_implementation",
                                              "dataset_num_proc",
                                              "preprocessing_num_workers",
                                              "dataloader_num_workers",
                                              "dataloader_pin_memory",
                                              "remove_unused_columns",
                                              "ddp_timeout",
                                              "ddp_find_unused_parameters",
                                              "use_fast_tokenizer",
                                              "torch_compile",
                                              "disable_tqdm",
                                              "flash_attn",
                                              "overwrite_cache",
                                              "plot_loss",
                                              "log_level",
                                              "gradient_checkpointing_kwargs"};
  return kKeys.count(key) > 0;
}

}  // namespace

std::optional<rows::DataOptions> eval_options(const RunConfig& config) {
  const std::string& split = config.run.dataset_test_split;
  rows::DataOptions options = config.data;
  options.dataset_train_split = split;
  if (!config.run.eval_data.empty()) {
    options.dataset_name = config.run.eval_data;
  } else if (rows::is_whole(split)) {
    return std::nullopt;
  }
  return options;
}

bool may_change_on_resume(const std::string& key) {
  static const std::vector<std::string> kFree = {"max_steps",
                                                 "num_train_epochs",
                                                 "logging_steps",
                                                 "save_steps",
                                                 "save_strategy",
                                                 "save_total_limit",
                                                 "eval_steps",
                                                 "eval_strategy",
                                                 "save_only_model",
                                                 "resume_from_checkpoint",
                                                 "output_dir",
                                                 "report_to",
                                                 "logging_dir",
                                                 "dry_run",
                                                 "reference_cache_dir",
                                                 "reference_cache_gb",
                                                 "dataset_cache_dir",
                                                 "dataset_cache_gb",
                                                 "score_fit",
                                                 "threads",
                                                 "overwrite_output_dir",
                                                 "self_check",
                                                 "skip_nonfinite",
                                                 "save_merged",
                                                 "per_device_eval_batch_size",
                                                 "precompute_ref_log_probs",
                                                 "allow_dropped",
                                                 "metric_for_best_model",
                                                 "greater_is_better",
                                                 "load_best_model_at_end",
                                                 "kl_budget",
                                                 "early_stopping_patience",
                                                 "early_stopping_threshold",
                                                 "sampling_endpoint",
                                                 "sampling_model",
                                                 "sampling_sync_command",
                                                 "sampling_api_key_env",
                                                 "sampling_concurrency",
                                                 "sampling_timeout"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

OptionHelp config_key() { return {"config", "", "a YAML file of these keys", detail::FieldKind::kValue}; }

Settings read_config_file(const std::string& path, const std::map<std::string, std::string>& aliases) {
  // It may be a run's own record, in a folder in which a kill left two runs.
  recover_output_folder(std::filesystem::path(absolute_path(path)).parent_path().string(), has_run_result);
  const Settings file = read_yaml_settings(path);
  Settings settings;
  for (const auto& [key, value] : file.all()) {
    const auto alias = aliases.find(key);
    const std::string& name = alias == aliases.end() ? key : alias->second;
    check_input(alias == aliases.end() || !file.has(name), value.origin, ": the same key as ", name,
                ", which the file also has; keep one");
    settings.set(name, value);
  }
  return settings;
}

void check_keys(const Settings& settings, const std::vector<OptionHelp>& known) {
  Settings ours;
  std::vector<std::string> passed;
  for (const auto& [key, value] : settings.all()) {
    const std::string& text =
        value.list.empty() ? value.text : value.list.front();  // an unknown flag's words
    const bool is_off = text == "false" || text == "False" || value.is_null;
    const bool is_hub = starts_with(key, "push_to_hub") || starts_with(key, "hub_");
    const bool is_ours =
        std::any_of(known.begin(), known.end(), [&](const OptionHelp& option) { return option.name == key; });
    if (!is_ours && (is_python_only(key) || (is_hub && is_off))) {
      passed.push_back(value.origin);
    } else {
      ours.set(key, value);
    }
  }
  check_known(ours, known, foreign_names());
  if (!passed.empty()) { log_warning(cat(join(passed, ", "), ": only for Python programs, passed over")); }
}

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method) {
  Settings none;
  return read_run_config(arguments, method, {}, none);
}

namespace {

// Flags over --config, checked against the keys of a run and the command's own.
Settings read_all(const std::vector<std::string>& arguments, const std::vector<OptionHelp>& own,
                  std::string& config_file) {
  RunConfig defaults;
  std::vector<OptionHelp> known = describe_options(defaults);
  known.insert(known.end(), own.begin(), own.end());
  known.push_back(config_key());
  Settings flags = parse_flags(arguments, known, option_aliases(), nullptr), settings;
  if (const Setting* file = flags.find("config")) {
    config_file = file->text;
    settings = read_config_file(file->text, option_aliases());
    flags.erase("config");
  }
  settings.merge(flags);
  check_keys(settings, known);
  return settings;
}

std::string method_of(const Settings& settings, const std::string& command) {
  const Setting* setting = settings.find("method");
  if (setting == nullptr) { return command.empty() ? "una" : command; }
  check_input(command.empty() || setting->text == command, setting->origin, ": the command is ", command,
              ", but method is '", setting->text, "'");
  return setting->text;
}

// bf16 is another word for dtype bfloat16, and must not contradict it.
void apply_bf16(const Settings& settings, RunConfig& config) {
  if (!config.model.bf16) { return; }
  check_input(!settings.has("dtype") || config.model.dtype == "bfloat16" || config.model.dtype == "auto",
              "bf16 and dtype ", config.model.dtype, " contradict each other; keep one");
  config.model.dtype = "bfloat16";
}

}  // namespace

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method,
                          const CommandKeys& keys, Settings& own_settings) {
  std::string config_file;
  const Settings settings = read_all(arguments, keys.own, config_file);
  for (const OptionHelp& option : keys.own) {
    if (const Setting* setting = settings.find(option.name)) { own_settings.set(option.name, *setting); }
  }
  RunConfig config = default_config(method_of(settings, method));
  const std::string name = config.method;
  if (const Setting* preset = settings.find("ppo_preset")) { apply_ppo_preset(preset->text, config); }
  read_options(settings, config);
  resolve_hub_names(config.model);
  resolve_hub_names(config.online);
  config.config_file = config_file;
  config.method = name;
  check_keys_read(settings, config, keys.also);
  for (const std::vector<std::string>* names :
       {&config.data.dataset_name, &config.run.eval_data, &config.online.offline_data}) {
    check_no_standard_input(*names);
  }
  apply_bf16(settings, config);
  config.data.mixture_seed = config.order_seed();
  return config;
}

std::string print_changed(const RunConfig& config) {
  const std::vector<OptionHelp> now = describe_options(config);
  const std::vector<OptionHelp> defaults = describe_options(default_config(config.method));
  std::string out = cat("method: ", config.method, "\n");
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].fallback != defaults[i].fallback) { out += cat(now[i].name, ": ", now[i].fallback, "\n"); }
  }
  return out;
}

namespace {

void make_absolute(std::string& path) {
  if (!path.empty()) { path = absolute_path(path); }
}

void make_absolute_unless(std::string& path, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), path) == words.end()) { make_absolute(path); }
}

// model:FOLDER, judge:FILE, implicit:POLICY[:REFERENCE]; rules and addresses stay as they are.
void make_reward_absolute(std::string& name) {
  std::vector<std::string> parts = split(name, ':');
  static const std::vector<std::string> kWithPaths = {"model", "judge", "implicit", "implicit_mean"};
  if (std::find(kWithPaths.begin(), kWithPaths.end(), parts[0]) == kWithPaths.end()) { return; }
  for (std::size_t i = 1; i < parts.size(); ++i) { make_absolute(parts[i]); }
  name = join(parts, ":");
}

}  // namespace

RunConfig with_absolute_paths(RunConfig config) {
  const bool by_entries = !config.data.dataset_dir.empty();  // dataset_name holds names, not files
  for (std::vector<std::string>* files : {&config.data.dataset_name, &config.run.eval_data,
                                          &config.online.offline_data, &config.held_out.eval_generate_data}) {
    for (std::string& file : *files) {
      if (!by_entries) { make_absolute_unless(file, {"-"}); }
    }
  }
  for (std::string* path :
       {&config.model.model_name_or_path, &config.model.adapter, &config.model.ref_model,
        &config.data.dataset_dir, &config.data.score_fit, &config.run.output_dir, &config.run.logging_dir,
        &config.online.critic_from, &config.held_out.eval_tasks_dir}) {
    make_absolute(*path);
  }
  // A chat template may be a name instead of a file.
  if (is_file(config.data.chat_template_path)) { make_absolute(config.data.chat_template_path); }
  make_absolute_unless(config.run.resume_from_checkpoint, {"true", "false", "auto"});
  make_absolute_unless(config.run.reference_cache_dir, {"auto", "none"});
  make_absolute_unless(config.data.dataset_cache_dir, {"auto", "none"});
  for (std::vector<std::string>* rewards : {&config.online.reward, &config.held_out.eval_reward}) {
    for (std::string& reward : *rewards) { make_reward_absolute(reward); }
  }
  return config;
}

}  // namespace una::setup
