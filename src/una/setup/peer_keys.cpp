#include "una/setup/peer_keys.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "una/base/ascii.h"
#include "una/base/format.h"

namespace una::setup {
namespace {

// A key of another program.
struct PeerKey {
  const char* name;
  const char* neutral;  // the values, with | between them, that ask for nothing; null always does
  const char*
      here;  // what it is called here (names with | between them where our commands differ), or why there is
             // nothing like it; for any other value
};

constexpr PeerKey kPeerKeys[] = {
    {"activation_checkpointing", "", "gradient_checkpointing"},
    {"additional_target", "", "lora_modules_to_save"},
    {"assistant_only_loss", "false",
     "nothing like it: una trains on answers, and rows or turns with weight 0 are left out"},
    {"auto_find_batch_size", "false",
     "nothing like it: max_tokens_per_micro_batch bounds the memory of a step"},
    {"base_model", "", "model_name_or_path"},
    {"batch_size", "", "per_device_train_batch_size"},
    {"bf16_full_eval", "false", "dtype"},
    {"bnb_4bit_compute_dtype", "", "dtype"},
    {"bnb_4bit_quant_storage", "", "nothing like it: codes are stored as bytes"},
    {"cast_lm_head_to_fp32", "false",
     "nothing like it: log-probs are summed in fp32, the head's products are of dtype"},
    {"chat_template", "", "chat_template_path, where the model folder's own is not right"},
    {"chat_template_kwargs", "", "nothing like it: rows have chat_template_kwargs of their own"},
    {"cliprange", "", "epsilon"},
    {"completion_only_loss", "true",
     "nothing like it: una always trains on answers only; text rows are learnt whole"},
    {"cpo_alpha", "", "rpo_alpha (with dpo --loss_type simpo)"},
    {"cutoff_len", "", "max_length"},
    {"dataloader_drop_last", "false", "nothing like it: every row is used"},
    {"dataset", "", "dataset_name"},
    {"dataset_config", "default", "dataset_name: the files themselves"},
    {"dataset_kwargs", "", "nothing like it"},
    {"dataset_mixer", "", "dataset_name, as a.jsonl:0.7,b.jsonl:0.3"},
    {"dataset_splits", "", "dataset_train_split and dataset_test_split"},
    {"dataset_streaming", "false",
     "nothing like it: rows over 64 MB are kept in a cache on disk (dataset_cache_dir)"},
    {"dataset_text_column", "text", "columns, as text=content"},
    {"dataset_text_field", "text", "columns, as text=content"},
    {"datasets", "[]", "dataset_name, as a.jsonl:0.7,b.jsonl:0.3"},
    {"debug", "[]", "nothing like it"},
    {"deepspeed", "", "nothing like it: several ranks are nproc, a split optimiser is zero_stage"},
    {"delta", "", "nothing like it: GRPO's two-sided clipping is not offered"},
    {"do_predict", "false", "nothing like it: una generate samples, una eval scores"},
    {"double_quantization", "", "bnb_4bit_use_double_quant"},
    {"dpo_loss_type", "", "loss_type"},
    {"entropy_coef", "0|0.0", "nothing like it: no entropy bonus is offered"},
    {"eos_token", "<eos_token>", "nothing like it: the model folder's own is used"},
    {"epochs", "", "num_train_epochs"},
    {"eval_delay", "0", "nothing like it: evaluations start with the run"},
    {"eval_on_start", "false", "nothing like it: una score measures a model before training"},
    {"evaluation_strategy", "", "eval_strategy"},
    {"finetuning_type", "lora", "use_peft"},
    {"fp16", "false", "bf16 (fp16 compute is not offered)"},
    {"fp16_full_eval", "false", "dtype (fp16 compute is not offered)"},
    {"freezing_actor_steps", "", "value_warmup_steps"},
    {"fsdp", "[]", "nothing like it: several ranks are nproc, a split optimiser is zero_stage"},
    {"fsdp_config", "", "nothing like it: several ranks are nproc, a split optimiser is zero_stage"},
    {"gamma_beta_ratio", "", "simpo_gamma"},
    {"generation_kwargs", "", "nothing like it: its members are keys here, as temperature and top_p"},
    {"ignore_data_skip", "false", "nothing like it: a resumed run continues with the next row"},
    {"importance_sampling_level", "token", "nothing like it: GSPO's ratios of whole answers are not offered"},
    {"init_kl_coef", "", "beta"},
    {"kl_coef", "", "beta"},
    {"label_smoothing_factor", "0|0.0", "label_smoothing (of the losses that have it)"},
    {"ld_alpha", "", "nothing like it yet: TRL's LD-DPO is not offered"},
    {"logging_strategy", "steps", "logging_steps"},
    {"lora_bias", "", "bias (of the base: none, lora_only, all); biases on lora_B are not offered"},
    {"lora_rank", "", "lora_r"},
    {"lora_target", "", "lora_target_modules"},
    {"lora_target_linear", "", "lora_target_modules: all-linear"},
    {"lr", "", "learning_rate"},
    {"lr_scheduler", "", "lr_scheduler_type"},
    {"lr_scheduler_kwargs", "", "min_lr_ratio, for cosine_with_min_lr"},
    {"max_new_token", "", "max_completion_length"},
    {"max_new_tokens", "", "max_completion_length"},
    {"max_samples", "", "max_rows"},
    {"max_seq_length", "", "max_length"},
    {"max_tokens", "", "max_completion_length|max_new_tokens"},
    {"micro_batch_size", "", "per_device_train_batch_size"},
    {"model_init_kwargs", "", "nothing like it: its members are keys here, as dtype"},
    {"model_ref", "", "ref_model"},
    {"model_revision", "main", "model_name_or_path, as org/name@revision"},
    {"modules_to_save", "", "lora_modules_to_save"},
    {"neftune_noise_alpha", "0|0.0", "nothing like it: no noise is added to embeddings"},
    {"no_cuda", "false", "device: cpu"},
    {"normalize_advantages", "false", "whiten_advantages"},
    {"num_beams", "1", "nothing like it: answers are sampled, or greedy at temperature 0"},
    {"num_epochs", "", "num_train_epochs"},
    {"num_generations_eval", "", "eval_num_generations"},
    {"num_ppo_epochs", "", "num_iterations"},
    {"num_return_sequences", "", "num_generations|num_samples"},
    {"num_samples", "", "num_generations"},
    {"off_policy_mask_threshold", "", "nothing like it"},
    {"optim_args", "", "adam_beta1, adam_beta2, adam_epsilon"},
    {"optim_target_modules", "", "lora_target_modules"},
    {"orpo_alpha", "", "beta (with dpo --loss_type orpo)"},
    {"overlong_buffer_len", "", "soft_overlong_cache"},
    {"overlong_penalty_factor", "", "soft_overlong_penalty"},
    {"pad_token", "<pad_token>", "nothing like it: una never pads"},
    {"parallelism_config", "", "nothing like it: several ranks are nproc"},
    {"peft_layers_to_transform", "", "layers_to_transform"},
    {"peft_use_dora", "", "use_dora"},
    {"peft_use_rslora", "", "use_rslora"},
    {"pref_beta", "", "beta"},
    {"pref_ftx", "0|0.0", "rpo_alpha"},
    {"pref_loss", "", "loss_type"},
    {"push_to_hub", "false", "nothing like it: una uploads nothing; use hf upload"},
    {"quantization_bit", "", "load_in_4bit or load_in_8bit"},
    {"ref_adapter_name", "", "ref_model"},
    {"ref_model_name_or_path", "", "ref_model"},
    {"response_length", "", "max_completion_length"},
    {"reward_clip_range", "", "reward_clip"},
    {"reward_funcs", "", "reward"},
    {"reward_model_path", "", "reward model:FOLDER"},
    {"rl", "", "method"},
    {"rl_beta", "", "beta"},
    {"sequence_len", "", "max_length"},
    {"shuffle_dataset", "true", "shuffle"},
    {"stage", "", "method"},
    {"steps_per_generation", "", "generation_batch_size"},
    {"streaming", "false",
     "nothing like it: rows over 64 MB are kept in a cache on disk (dataset_cache_dir)"},
    {"sync_ref_model", "false",
     "nothing like it: the reference stays as it is; una rounds begins again from a new one"},
    {"target_modules", "", "lora_target_modules"},
    {"template", "", "chat_template_path, where the model folder's own is not right"},
    {"test_file", "", "eval_data"},
    {"test_split_size", "", "eval_fraction"},
    {"top_entropy_quantile", "1|1.0", "nothing like it: every token counts"},
    {"torch_dtype", "", "dtype"},
    {"train_on_inputs", "false", "nothing like it: una trains on answers only; text rows are learnt whole"},
    {"train_on_prompt", "false", "nothing like it: una trains on answers only; text rows are learnt whole"},
    {"train_sampling_strategy", "random", "shuffle"},
    {"transformers_continuous_batching_config", "", "nothing like it: una's sampling always works so"},
    {"truncation_mode", "", "overlong: truncate_completion or truncate_prompt_left"},
    {"use_adaptive_entropy", "false", "nothing like it: no entropy bonus is offered"},
    {"use_bnb_nested_quant", "", "bnb_4bit_use_double_quant"},
    {"use_cpu", "false", "device: cpu"},
    {"use_liger_kernel", "true|false", "nothing like it: una's kernels are always fused"},
    {"use_transformers_continuous_batching", "false", "nothing like it: una's sampling always works so"},
    {"use_transformers_paged", "false", "nothing like it: una's sampling always works so"},
    {"use_vllm", "false", "sampling_endpoint"},
    {"use_weighting", "false", "nothing like it: TRL's WPO weights are not offered"},
    {"val_size", "0|0.0", "eval_fraction"},
    {"vllm_importance_sampling_cap", "", "importance_sampling_cap"},
    {"vllm_importance_sampling_clip_max", "", "importance_sampling_cap"},
    {"vllm_importance_sampling_correction", "", "importance_sampling_correction"},
    {"vllm_server_base_url", "", "sampling_endpoint"},
    {"wandb_project", "",
     "nothing like it: metrics.jsonl, TensorBoard and MLflow files are written (report_to)"},
};

// Keys of one of our commands that another calls by another name.
constexpr std::pair<const char*, const char*> kOtherCommands[] = {
    {"max_completion_length", "max_new_tokens"},
    {"num_generations", "num_samples"},
};

// Keys that change nothing that is learnt here, whatever their value.
constexpr const char* kOfNoEffect[] = {
    "accelerator_config",
    "activation_checkpointing_kwargs",
    "activation_offloading",
    "attn_implementation",
    "average_tokens_across_devices",
    "batch_eval_metrics",
    "cache_implementation",
    "dataloader_in_order",
    "dataloader_multiprocessing_context",
    "dataloader_num_workers",
    "dataloader_persistent_workers",
    "dataloader_pin_memory",
    "dataloader_prefetch_factor",
    "dataset_num_proc",
    "ddp_backend",
    "ddp_broadcast_buffers",
    "ddp_bucket_cap_mb",
    "ddp_find_unused_parameters",
    "ddp_static_graph",
    "ddp_timeout",
    "disable_tqdm",
    "do_eval",
    "do_train",
    "ds3_gather_for_generation",
    "enable_jit_checkpoint",
    "enable_liger_kernel",
    "entropy_coef_delta",
    "entropy_coef_max",
    "entropy_coef_min",
    "entropy_target",
    "eval_accumulation_steps",
    "eval_do_concat_batches",
    "eval_packing",
    "eval_use_gather_object",
    "flash_attn",
    "full_determinism",
    "gradient_checkpointing_kwargs",
    "group_by_length",
    "hub_always_push",
    "hub_model_id",
    "hub_private_repo",
    "hub_revision",
    "hub_strategy",
    "hub_token",
    "ignore_bias_buffers",
    "include_for_metrics",
    "include_num_input_tokens_seen",
    "label_names",
    "length_column_name",
    "liger_kernel_config",
    "local_rank",
    "log_completions",
    "log_completions_hub_repo",
    "log_level",
    "log_level_replica",
    "log_multimodal",
    "log_on_each_node",
    "log_unique_prompts",
    "logging_first_step",
    "logging_nan_inf_filter",
    "lora_task_type",
    "mask_history",
    "num_completions_to_print",
    "overwrite_cache",
    "packing",
    "packing_strategy",
    "pad_to_multiple_of",
    "padding_free",
    "plot_loss",
    "precompute_ref_batch_size",
    "prediction_loss_only",
    "preprocessing_num_workers",
    "project",
    "ray_scope",
    "ref_model_mixup_alpha",
    "ref_model_sync_steps",
    "remove_unused_columns",
    "restore_callback_states_from_checkpoint",
    "run_name",
    "sapo_temperature_neg",
    "sapo_temperature_pos",
    "save_on_each_node",
    "save_safetensors",
    "skip_memory_metrics",
    "tf32",
    "torch_compile",
    "torch_compile_backend",
    "torch_compile_mode",
    "torch_empty_cache_steps",
    "trackio_bucket_id",
    "trackio_space_id",
    "trackio_static_space_id",
    "trust_remote_code",
    "use_cache",
    "use_fast_tokenizer",
    "use_unsloth",
    "vespo_k_neg",
    "vespo_k_pos",
    "vespo_lambda_neg",
    "vespo_lambda_pos",
    "vllm_enable_sleep_mode",
    "vllm_gpu_memory_utilization",
    "vllm_group_port",
    "vllm_max_model_length",
    "vllm_mode",
    "vllm_model_impl",
    "vllm_tensor_parallel_size",
};

bool is_any_of(std::string_view value, const char* choices) {
  const std::vector<std::string> parts = split(choices, '|');
  return std::find(parts.begin(), parts.end(), value) != parts.end();
}

// The value in lower case: Python writes False, YAML false. Words of an unknown flag are a list.
std::string plain_value(const Setting& setting) {
  if (setting.is_list && setting.list.empty()) { return "[]"; }
  return lower_ascii(setting.is_list ? setting.list.front() : setting.text);
}

}  // namespace

const std::map<std::string, std::string>& foreign_names() {
  static const std::map<std::string, std::string> kNames = [] {
    std::map<std::string, std::string> names;
    for (const PeerKey& key : kPeerKeys) {
      if (*key.here != '\0') { names.emplace(key.name, key.here); }
    }
    names.insert(std::begin(kOtherCommands), std::end(kOtherCommands));
    return names;
  }();
  return kNames;
}

bool asks_for_nothing(const std::string& key, const Setting& setting) {
  const std::string name = key.substr(0, key.find('.'));
  const auto has_name = [&](const char* other) { return name == other; };
  if (std::any_of(std::begin(kOfNoEffect), std::end(kOfNoEffect), has_name)) { return true; }
  const auto* const found = std::find_if(std::begin(kPeerKeys), std::end(kPeerKeys),
                                         [&](const PeerKey& peer) { return has_name(peer.name); });
  if (found == std::end(kPeerKeys) || name != key) { return false; }
  return setting.is_null || is_any_of(plain_value(setting), found->neutral);
}

namespace {

// Moves `theirs` to our key, whose own value wins.
void rename(Settings& settings, const char* theirs, const char* ours, const std::string& value) {
  if (!settings.has(ours)) { settings.set(ours, value, settings.find(theirs)->origin); }
  settings.erase(theirs);
}

// Names that TRL and transformers gave to keys of ours later, and files that have both.
void rename_peer_keys(Settings& settings) {
  if (const Setting* found = settings.find("activation_checkpointing"); found != nullptr && !found->is_null) {
    rename(settings, "activation_checkpointing", "gradient_checkpointing", found->text);
  }
  if (const Setting* found = settings.find("use_cpu"); found != nullptr && plain_value(*found) == "true") {
    rename(settings, "use_cpu", "device", "cpu");
  }
  if (const Setting* found = settings.find("warmup_steps"); found != nullptr && !found->is_list) {
    const double share = std::strtod(found->text.c_str(), nullptr);
    if (share > 0 && share < 1) { rename(settings, "warmup_steps", "warmup_ratio", found->text); }
  }
  if (const Setting* found = settings.find("loss_type"); found != nullptr && found->is_list) {
    settings.set("loss_type", join(found->list, ","), std::string(found->origin));
  }
}

}  // namespace

void translate_peer_values(Settings& settings) {
  // Where transformers and TRL write null, and what that is here; "": the default.
  static constexpr std::pair<const char*, const char*> kOfNull[] = {
      {"save_total_limit", "0"},
      {"eval_steps", ""},
      {"max_prompt_length", "0"},
      {"metric_for_best_model", ""},
      {"min_p", ""},
      {"top_k", ""},
      {"max_steps", ""},
  };
  for (const auto& [key, value] : kOfNull) {
    const Setting* found = settings.find(key);
    if (found == nullptr || !found->is_null) { continue; }
    const std::string origin = found->origin;
    settings.erase(key);
    if (*value != '\0') { settings.set(key, value, origin); }
  }
  if (const Setting* steps = settings.find("max_steps"); steps != nullptr && steps->text == "-1") {
    settings.erase("max_steps");
  }
  rename_peer_keys(settings);
}

void drop_own_loss(const std::string& method, Settings& settings) {
  const Setting* loss = settings.find("loss_type");
  const bool is_own = loss != nullptr &&
                      ((method == "kto" && loss->text == "kto") || (method == "sft" && loss->text == "nll"));
  if (is_own) { settings.erase("loss_type"); }
}

}  // namespace una::setup
