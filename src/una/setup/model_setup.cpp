#include "una/setup/model_setup.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/option_checks.h"
#include "una/base/rng.h"
#include "una/hub/cache.h"
#include "una/kernels/devices.h"
#include "una/kernels/product.h"
#include "una/setup/methods.h"
#include "una/setup/text_setup.h"
#include "una/weights/composite.h"
#include "una/weights/hf_config.h"
#include "una/weights/model_index.h"
#include "una/weights/peft_adapter.h"

namespace una::setup {
namespace {

std::string cache_folder(const RunOptions& run) {
  if (run.reference_cache_dir != "auto") { return run.reference_cache_dir; }
  const std::string folder = user_cache_folder();
  return folder.empty() ? "none" : folder;
}

// "pattern=value", the last "=" divides: patterns are regular expressions.
std::vector<std::pair<std::string, double>> pattern_values(const char* key,
                                                           const std::vector<std::string>& entries) {
  std::vector<std::pair<std::string, double>> out;
  for (const std::string& entry : entries) {
    const std::size_t split = entry.rfind('=');
    double value = 0;
    const char* end = entry.data() + entry.size();
    const bool read = split != std::string::npos && split > 0 &&
                      std::from_chars(entry.data() + split + 1, end, value).ptr == end;
    check_input(read && value > 0 && std::isfinite(value), key, ": '", entry,
                "' is not a pattern=number, such as q_proj=8");
    out.emplace_back(entry.substr(0, split), value);
  }
  return out;
}

std::vector<std::int64_t> layer_numbers(const std::vector<std::string>& entries) {
  std::vector<std::int64_t> out;
  for (const std::string& entry : entries) {
    std::int64_t layer = -1;
    const char* end = entry.data() + entry.size();
    const bool read = std::from_chars(entry.data(), end, layer).ptr == end && !entry.empty();
    check_input(read && layer >= 0, "layers_to_transform: '", entry,
                "' is not the number of a layer; they count from 0");
    out.push_back(layer);
  }
  return out;
}

// A reward model has a score head instead of lm_head.
std::vector<std::string> saved_modules(const std::vector<std::string>& asked, bool for_reward) {
  std::vector<std::string> out;
  for (const std::string& name : asked) {
    check_input(name != "score",
                "lora_modules_to_save: score is a reward model's head, which is always saved");
    if (!for_reward || name != "lm_head") { out.push_back(name); }
  }
  if (for_reward) { out.push_back("score"); }
  return out;
}

// What changes the bits of a reference log-prob besides weights and tokens. Quantised weights follow from the
// folder's, the dtype and the kind.
std::string numerics_key(const model::Model& model) {
  const std::string key =
      cat(dtype_name(model.dtype()), "-", model.spec().model_type, model.exact() ? "-exact" : "");
  return model.quantisation().any() ? cat(key, "-", model.quantisation().name()) : key;
}

void add_policy_adapter(ModelSetup& setup, const RunConfig& config, bool for_reward) {
  model::Model& model = *setup.model;
  const ModelOptions& options = config.model;
  if (options.adapter.empty()) {
    setup.policy = model.add_adapter(fresh_lora(options, for_reward),
                                     static_cast<std::uint64_t>(config.train.seed), true);
    return;
  }
  LoraSpec spec = weights::read_adapter_config(options.adapter);
  if (spec.dropout == 0) { spec.dropout = options.lora_dropout; }
  spec.base_model_name_or_path = absolute_path(options.model_name_or_path);
  const weights::StateDict state = weights::read_adapter_weights(options.adapter);
  setup.start_hash = adapter_hash(spec, state);
  setup.policy = model.load_adapter(spec, state, true, options.adapter);
}

void add_reference(ModelSetup& setup, const RunConfig& config) {
  const ModelOptions& options = config.model;
  model::Model* model = setup.model.get();
  model::AdapterId adapter = model::kNoAdapter;
  std::string description;
  Hasher hash;
  if (!options.ref_model.empty()) {
    const ModelFolder folder = read_model_folder(options.ref_model);
    setup.reference_model =
        std::make_unique<model::Model>(folder.spec, folder.weights, setup.model->frozen_like(), folder.path);
    model = setup.reference_model.get();
    hash.add(folder.content_hash);
    description = cat("the model in ", options.ref_model);
  } else if (!options.use_peft) {
    setup.reference_model = std::make_unique<model::Model>(setup.folder.spec, setup.folder.weights,
                                                           setup.model->frozen_like(), setup.folder.path);
    model = setup.reference_model.get();
    hash.add(setup.folder.content_hash);
    description = "a frozen copy of the model as it was at the start";
  } else {
    hash.add(setup.folder.content_hash);
    if (!options.adapter.empty()) {
      adapter = model->clone_adapter(setup.policy);
      hash.add(setup.start_hash);
      description = cat("a frozen copy of the adapter in ", options.adapter);
    } else {
      const Quantisation& how = model->quantisation();
      description = how.any() ? cat("the base model quantised to ", how.name(), ", adapter off")
                              : "the base model, adapter off";
    }
  }
  const std::string content = hash.add(numerics_key(*model)).hex();
  setup.reference = std::make_unique<train::Reference>(*model, adapter, description, content);
  const std::string folder = cache_folder(config.run);
  if (folder != "none") {
    setup.reference->set_cache(std::make_unique<train::ReferenceCache>(
        folder, content, static_cast<std::uint64_t>(config.run.reference_cache_gb * 1073741824.0)));
  }
}

}  // namespace

std::string adapter_hash(LoraSpec spec, const weights::StateDict& state) {
  spec.dropout = 0;
  spec.base_model_name_or_path.clear();
  return Hasher().add(state.content_hash()).add(weights::print_adapter_config(spec)).hex();
}

void check_options(const ModelOptions& options) {
  const bool quantised = options.quantise.quantisation().any();
  check_input(!quantised || options.use_peft, options.quantise.key(),
              " with use_peft false: quantised weights cannot train; train an adapter, or leave ",
              options.quantise.key(), " out");
  constexpr std::int64_t kLargestRank = 65536;
  check_count("lora_r", options.lora_r, 1, kLargestRank);
  check_input(options.lora_alpha > 0 && std::isfinite(options.lora_alpha),
              "lora_alpha must be a positive number, not ", options.lora_alpha);
  check_input(options.lora_dropout >= 0 && options.lora_dropout < 1, "lora_dropout must be in [0, 1), not ",
              options.lora_dropout);
}

LoraSpec fresh_lora(const ModelOptions& options, bool for_reward) {
  check_options(options);
  LoraSpec spec;
  spec.r = options.lora_r;
  spec.alpha = options.lora_alpha;
  spec.dropout = options.lora_dropout;
  spec.use_rslora = options.use_rslora;
  spec.use_dora = options.use_dora;
  spec.bias = options.bias;
  spec.target_modules = options.lora_target_modules;
  spec.target_parameters = options.lora_target_parameters;
  spec.layers_to_transform = layer_numbers(options.layers_to_transform);
  spec.layers_pattern = options.layers_pattern;
  check_input(spec.layers_pattern.empty() || !spec.layers_to_transform.empty(),
              "layers_pattern needs layers_to_transform");
  for (const auto& [pattern, value] : pattern_values("rank_pattern", options.rank_pattern)) {
    check_input(value == std::floor(value) && value < 1e6, "rank_pattern: '", pattern,
                "' must have a whole number");
    spec.rank_pattern.emplace_back(pattern, static_cast<std::int64_t>(value));
  }
  spec.alpha_pattern = pattern_values("alpha_pattern", options.alpha_pattern);
  spec.task_type = for_reward ? "SEQ_CLS" : "CAUSAL_LM";
  spec.modules_to_save = saved_modules(options.lora_modules_to_save, for_reward);
  spec.base_model_name_or_path = absolute_path(options.model_name_or_path);
  return spec;
}

namespace {

// What to do about a model that is not a folder here: a name on the Hugging Face hub is the usual reason.
std::string missing_model(const std::string& path) {
  if (is_file(path)) { return ": this is a file; a model is a folder, with config.json and its weights"; }
  return hub::is_name(path) ? cat(": no such model folder, and ", hub::cache_folder(),
                                  " does not have it; --download true fetches it")
                            : ": no such model folder";
}

}  // namespace

ModelSpec read_folder_spec(const std::string& path) {
  check_input(!path.empty(), "no model: give a Hugging Face model folder with --model");
  if (!is_folder(path)) { throw InputError(path + missing_model(path)); }
  check_input(is_file(path + "/config.json"), path, ": no config.json; a Hugging Face model folder is needed",
              weights::is_adapter_folder(path)
                  ? " (this is an adapter: give its base with --model and it with --adapter)"
                  : "");
  return weights::read_model_spec(path);
}

ModelFolder read_model_folder(const std::string& path) {
  ModelFolder folder;
  folder.path = path;
  folder.spec = read_folder_spec(path);
  folder.config = read_file(path + "/config.json");
  folder.weights = weights::read_model_weights(path);
  folder.content_hash = folder.weights.content_hash();
  if (starts_with(path, hub::cache_folder() + "/")) {
    log_info(cat(path, ": content hash ", folder.content_hash));
  }
  folder.weights.release_pages();
  return folder;
}

std::string size_text(const ModelFolder& folder) {
  const auto count = [](const weights::StateDict& tensors) {
    std::int64_t numbers = 0;
    for (const auto& [name, tensor] : tensors.all()) { numbers += tensor.numel(); }
    return numbers;
  };
  std::string text = cat(folder.spec.architecture, ", ", thousands(count(folder.weights)), " parameters");
  if (weights::composite_of(folder.spec) == nullptr) { return text; }
  const std::int64_t decoder = count(weights::text_tensors(folder.spec, folder.weights));
  return cat(text, " (", thousands(decoder), " of the text decoder, the others stay as they are)");
}

const char* dtype_name(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) { return "bfloat16"; }
  return dtype == at::kDouble ? "float64" : "float32";
}

at::ScalarType compute_dtype(const std::string& name, const ModelSpec& spec) {
  if (name == "float32" || name == "fp32") { return at::kFloat; }
  if (name == "bfloat16" || name == "bf16") { return at::kBFloat16; }
  check_input(name == "auto", "dtype: '", name, "' is unknown, choose auto, float32 or bfloat16");
  return spec.torch_dtype == "bfloat16" || spec.torch_dtype == "float16" ? at::kBFloat16 : at::kFloat;
}

at::ScalarType training_dtype(const ModelOptions& options, const ModelSpec& spec) {
  const bool slow = options.dtype == "auto" && options.device == "cpu" && !kernels::multiplies_bf16();
  return slow ? at::kFloat : compute_dtype(options.dtype, spec);
}

std::string dtype_remark(const ModelOptions& options, const ModelSpec& spec) {
  const bool bf16 = compute_dtype(options.dtype, spec) == at::kBFloat16;
  if (!bf16 || options.device != "cpu" || kernels::multiplies_bf16()) { return ""; }
  const std::string why = "this CPU has no instructions for products of bfloat16 (AVX-512 BF16, AMX)";
  return options.dtype == "auto"
             ? cat("float32, as ", why, "; --dtype bfloat16 takes less memory and much more time")
             : cat("bfloat16, though ", why, "; --dtype float32 takes more memory and much less time");
}

namespace {

void check_router(const ModelOptions& options, const ModelSpec& spec) {
  check_input(!options.train_router || (!options.use_peft && spec.moe.num_experts > 0),
              "train_router: only full fine-tuning (use_peft false) of a mixture of experts trains routers");
}

// What of a mixture of experts trains.
std::string trained_experts(const ModelSetup& setup, const ModelOptions& options) {
  if (options.train_router) { return "experts and routers train"; }
  if (!options.use_peft) { return "experts train, routers are frozen (--train_router true trains them too)"; }
  return setup.model->adapter_spec(setup.policy).target_parameters.empty()
             ? "experts and routers are frozen"
             : "LoRA on experts, routers are frozen";
}

}  // namespace

std::string quantisation_remark(const model::Model& model) {
  const Quantisation& how = model.quantisation();
  if (!how.any()) { return ""; }
  const double numbers = static_cast<double>(model.quantised_numbers());
  const double whole = numbers * static_cast<double>(c10::elementSize(model.dtype()));
  const double bytes = static_cast<double>(model.quantised_bytes());
  return cat("quantised to ", how.name(), ": ", human_bytes(bytes), " for the ",
             thousands(model.quantised_numbers()), " numbers of the layers' matrices (",
             fixed(bytes / whole, 2), " of ", dtype_name(model.dtype()),
             "); embedding, head and norms as they are");
}

// A reward model that could not be written is refused before it is trained.
void check_reward_base(const ModelFolder& folder, bool use_peft) {
  if (folder.spec.is_reward_model()) { return; }
  check_input(weights::composite_of(folder.spec) == nullptr, folder.path,
              ": a reward model of the text part of a ", folder.spec.architecture,
              " is not supported; start from a text model");
  if (!use_peft) {
    weights::reward_model_config(read_file(folder.path + "/config.json"), folder.spec.pad_id);
  }
}

namespace {

// What --exact_sampling comes to.
bool sums_exactly(const RunConfig& config, const ModelSpec& spec, at::Device device) {
  const std::string& asked = config.online.exact_sampling;
  const bool samples = find_method(config.method).online && config.online.sampling_endpoint.empty();
  if (asked != "auto" || !samples) { return asked == "true"; }
  return model::inexact_because(spec, device).empty() &&
         kernels::fixed_sums_are_free(training_dtype(config.model, spec));
}

}  // namespace

ModelSetup load_for_training(const RunConfig& config, bool for_reward, bool with_reference) {
  const at::Device device = kernels::open_device(config.model.device);
  ModelSetup setup;
  setup.folder = read_model_folder(config.model.model_name_or_path);
  check_input(for_reward || !setup.folder.spec.is_reward_model(), setup.folder.path,
              ": this is a reward model (", setup.folder.spec.architecture, "); ", config.method,
              " trains a language model");
  if (for_reward) { check_reward_base(setup.folder, config.model.use_peft); }
  const std::vector<std::string>& saved = config.model.lora_modules_to_save;
  check_input(!for_reward || std::find(saved.begin(), saved.end(), "lm_head") == saved.end(),
              "lora_modules_to_save: a reward model has a score head instead of lm_head; leave lm_head out");
  const model::LoadOptions load{.dtype = training_dtype(config.model, setup.folder.spec),
                                .train_full = !config.model.use_peft,
                                .train_router = config.model.train_router,
                                .device = device,
                                .quantise = config.model.quantise.quantisation(),
                                .exact = sums_exactly(config, setup.folder.spec, device)};
  check_router(config.model, setup.folder.spec);
  setup.model =
      std::make_unique<model::Model>(setup.folder.spec, setup.folder.weights, load, setup.folder.path);
  if (for_reward && !setup.model->has_reward_head()) {
    setup.model->add_reward_head(static_cast<std::uint64_t>(config.train.seed));
  }
  if (config.model.use_peft) {
    add_policy_adapter(setup, config, for_reward);
  } else {
    check_input(config.model.adapter.empty(),
                "--adapter with use_peft false: merge the adapter first (una merge)");
  }
  const MoeSpec& moe = setup.folder.spec.moe;
  if (moe.num_experts > 0) {
    log_info(cat("experts    ", moe.num_experts, ", ", moe.experts_per_token, " for a token; ",
                 trained_experts(setup, config.model)));
  }
  if (with_reference) { add_reference(setup, config); }
  setup.folder.weights.release_pages();
  return setup;
}

void add_value_head(ModelSetup& setup, const RunConfig& config, double initial_value) {
  setup.value_head = std::make_unique<model::ValueHead>(setup.model->spec().hidden_size, initial_value,
                                                        setup.model->dtype(), setup.model->device());
  const std::string& start = config.model.adapter.empty() ? setup.folder.path : config.model.adapter;
  const std::string path = cat(start, "/", model::kValueHeadFile);
  if (is_file(path)) {
    setup.value_head->load(weights::read_safetensors(path), path);
    log_info(cat("value head starts from ", path));
  } else {
    log_info(
        cat("value head starts at ", significant(initial_value, 4), " for every prompt, the mean reward"));
  }
}

LoraSpec scaled_adapter(LoraSpec spec, double scale) {
  if (scale == 1) { return spec; }
  check_input(std::isfinite(scale) && scale >= 0, "adapter_scale must be 0 or more, not ", scale);
  check_input(
      !spec.use_dora && spec.bias == "none" && spec.modules_to_save.empty(),
      "adapter_scale: this adapter does more than add a product to each module (DoRA, biases or modules saved "
      "whole), so there is nothing to scale");
  spec.alpha *= scale;
  for (auto& [pattern, alpha] : spec.alpha_pattern) { alpha *= scale; }
  return spec;
}

ModelSetup load_for_inference(const std::string& folder, const std::string& adapter, const Compute& compute) {
  const at::Device device = kernels::open_device(compute.device);
  ModelSetup setup;
  setup.folder = read_model_folder(folder);
  setup.model = std::make_unique<model::Model>(
      setup.folder.spec, setup.folder.weights,
      model::LoadOptions{.dtype = compute_dtype(compute.dtype, setup.folder.spec),
                         .device = device,
                         .quantise = compute.quantise.quantisation(),
                         .exact = compute.exact_sampling},
      folder);
  check_input(!adapter.empty() || compute.adapter_scale == 1,
              "adapter_scale without an adapter: give its folder with --adapter");
  if (!adapter.empty()) {
    const LoraSpec spec = scaled_adapter(weights::read_adapter_config(adapter), compute.adapter_scale);
    const weights::StateDict state = weights::read_adapter_weights(adapter);
    setup.start_hash = adapter_hash(spec, state);
    setup.policy = setup.model->load_adapter(spec, state, false, adapter);
  }
  return setup;
}

std::string inference_key(const ModelSetup& setup) {
  return Hasher().add(setup.folder.content_hash).add(setup.start_hash).add(numerics_key(*setup.model)).hex();
}

std::string stored_config(const ModelSetup& setup, at::ScalarType dtype) {
  const ModelFolder& folder = setup.folder;
  const bool new_head = setup.model->has_reward_head() && !folder.spec.is_reward_model();
  return weights::config_with_dtype(
      new_head ? weights::reward_model_config(folder.config, folder.spec.pad_id) : folder.config,
      dtype_name(dtype));
}

void write_trained(const ModelSetup& setup, const TextFiles& text, const RunConfig& config,
                   const std::string& folder) {
  make_folder(folder);
  write_text_files(text, folder);  // servers must write prompts as they were trained
  if (setup.value_head != nullptr) {
    weights::write_safetensors(cat(folder, "/", model::kValueHeadFile), setup.value_head->tensors());
  }
  // The configuration comes last: without it no program takes the folder for a model or an adapter.
  if (config.model.use_peft) {
    weights::write_adapter(
        folder, weights::decoder_targets(setup.folder.spec, setup.model->adapter_spec(setup.policy)),
        setup.model->adapter_tensors(setup.policy));
  } else {
    const at::ScalarType stored = setup.model->dtype();
    std::vector<std::pair<std::string, at::Tensor>> tensors = setup.model->named_tensors();
    for (auto& [name, tensor] : tensors) { tensor = tensor.to(stored); }
    tensors = weights::with_other_tensors(setup.folder.spec, setup.folder.weights, std::move(tensors));
    weights::write_model_weights(folder, tensors, kShardBytes);
    weights::write_index_of_one(folder, tensors);  // checkpoints hold optimizer.safetensors too
    write_file(folder + "/config.json", stored_config(setup, stored));
  }
}

}  // namespace una::setup
