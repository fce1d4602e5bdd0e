#include "una/setup/run_config.h"

#include <algorithm>

#include "una/base/format.h"
#include "una/data/split.h"
#include "una/online/round.h"
#include "una/setup/ppo_preset.h"

namespace una::setup {

RunConfig default_config(const std::string& method) {
  RunConfig config;
  config.method = method;
  config.train.num_train_epochs = 3;
  if (method == "una") {  // the paper's offline recipe for scores (objectives.md section 9)
    config.objective.beta = 0.03;
    config.train.learning_rate = 3e-5;
    config.train.num_train_epochs = 2;
    config.train.lr_scheduler_type = "cosine";
    config.train.warmup_ratio = 0.1;
  }
  if (online::is_online(method)) { config.train.metric_for_best_model = "eval_reward"; }
  if (method == "una_online") {  // centred on the group: the exact gradient of J (docs/online.md)
    config.objective.beta = 0.03;
    config.objective.una_link = "identity";
    config.objective.una_f = "group";
    config.train.learning_rate = 5e-6;
    config.train.num_train_epochs = 1;
  } else if (method == "rloo") {
    config.objective.beta = 0.05;
    config.online.num_generations = 2;
  } else if (method == "grpo") {
    config.objective.beta = 0;
    config.objective.loss_type = "dapo";
  } else if (method == "online_dpo") {
    config.online.num_generations = 2;
    config.train.learning_rate = 5e-7;
  } else if (method == "ppo") {
    config.objective.beta = 0.05;
    config.objective.max_completion_length = 53;
    config.train.learning_rate = 3e-6;
    config.online.num_generations = 1;
    config.online.num_iterations = 4;
  } else if (method == "sft") {
    config.train.learning_rate = 2e-5;
    config.train.disable_dropout = false;
  } else if (method == "reward") {
    config.train.learning_rate = 1e-4;
    config.train.metric_for_best_model = "eval_loss";
  }
  return config;
}

const std::map<std::string, std::string>& option_aliases() {
  static const std::map<std::string, std::string> kAliases = {
      {"model", "model_name_or_path"},      {"data", "dataset_name"},       {"out", "output_dir"},
      {"resume", "resume_from_checkpoint"}, {"train_file", "dataset_name"}, {"eval_dataset", "eval_data"},
  };
  return kAliases;
}

const std::map<std::string, std::string>& foreign_names() {
  static const std::map<std::string, std::string> kForeign = {
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
      {"load_in_4bit", "nothing yet: use dtype bfloat16"},
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
  };
  return kForeign;
}

std::optional<data::DataOptions> eval_options(const RunConfig& config) {
  const std::string& split = config.run.dataset_test_split;
  data::DataOptions options = config.data;
  options.dataset_train_split = split;
  if (!config.run.eval_data.empty()) {
    options.dataset_name = config.run.eval_data;
  } else if (data::is_whole(split)) {
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
                                                 "sampling_endpoint",
                                                 "sampling_model",
                                                 "sampling_sync_command",
                                                 "sampling_api_key_env",
                                                 "sampling_concurrency",
                                                 "sampling_timeout"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method) {
  Settings none;
  return read_run_config(arguments, method, {}, none);
}

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method,
                          const std::vector<OptionHelp>& own, Settings& own_settings) {
  std::vector<OptionHelp> known = describe_options(RunConfig{});
  known.insert(known.end(), own.begin(), own.end());
  known.push_back({"config", "", "a YAML file of these keys", detail::FieldKind::kValue});
  Settings flags = parse_flags(arguments, known, option_aliases(), nullptr);
  Settings settings;
  if (const Setting* file = flags.find("config")) {
    const Settings from_file = read_yaml_settings(file->text);
    for (const auto& [key, value] : from_file.all()) {
      const auto alias = option_aliases().find(key);
      const std::string& name = alias == option_aliases().end() ? key : alias->second;
      check_input(alias == option_aliases().end() || !from_file.has(name), value.origin, ": the same key as ",
                  name, ", which stands in the file too; keep one");
      settings.set(name, value);
    }
    flags.erase("config");
  }
  settings.merge(flags);
  check_known(settings, known, foreign_names());
  for (const OptionHelp& option : own) {
    if (const Setting* setting = settings.find(option.name)) { own_settings.set(option.name, *setting); }
  }
  std::string name = method;
  if (const Setting* setting = settings.find("method")) {
    check_input(method.empty() || setting->text == method, setting->origin, ": the command is ", method,
                ", but method says '", setting->text, "'");
    name = setting->text;
  }
  if (name.empty()) { name = "una"; }
  RunConfig config = default_config(name);
  if (const Setting* preset = settings.find("ppo_preset")) { apply_ppo_preset(preset->text, config); }
  read_options(settings, config);
  config.method = name;
  if (config.model.bf16) { config.model.dtype = "bfloat16"; }
  config.data.mixture_seed = static_cast<std::uint64_t>(config.train.data_seed.value_or(config.train.seed));
  return config;
}

std::string help_text(const std::string& usage, const std::vector<OptionHelp>& options) {
  std::string text = usage + "\n\noptions (--key value; dashes and underscores are the same):\n";
  for (const OptionHelp& option : options) {
    std::string line = "  --" + option.name;
    line.resize(std::max<std::size_t>(line.size() + 1, 34), ' ');
    text += line + option.help;
    if (!option.fallback.empty() && option.fallback != "\"\"" && option.fallback != "[]") {
      text += "  [" + option.fallback + "]";
    }
    text += "\n";
  }
  return text;
}

}  // namespace una::setup
