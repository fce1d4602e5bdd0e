#include "una/weights/families/decoder_config.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kMaxLayers = 10000;

// Refused unless inert.
constexpr const char* kForeignKeys[] = {"alibi",
                                        "num_experts",
                                        "num_local_experts",
                                        "n_routed_experts",
                                        "n_shared_experts",
                                        "shared_expert_intermediate_size",
                                        "vision_config",
                                        "audio_config",
                                        "text_config",
                                        "cross_attention_layers",
                                        "is_encoder_decoder",
                                        "use_bidirectional_attention",
                                        "add_cross_attention"};

// The numbers of a mixture of experts, in both spellings.
bool counts_experts(const std::string& key) { return key == "num_experts" || key == "num_local_experts"; }

void refuse_foreign_keys(const ConfigReader& config, const DecoderDefaults& defaults, const ModelSpec& spec) {
  for (const std::string& key : foreign_keys(config)) {
    if ((defaults.sparse && counts_experts(key)) || key == defaults.own_key) { continue; }
    config.fail(counts_experts(key)
                    ? cat("\"", key, "\" is not supported: a ", spec.model_type, " model has no experts")
                    : cat("\"", key, "\" is not supported: una runs causal text decoders"));
  }
}

void read_activation(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec) {
  spec.activation = config.text(defaults.activation_key, defaults.activation);
  if (spec.activation == "swish") {
    spec.activation = "silu";  // two names of one function in transformers
  }
  if (spec.activation == "gelu_new" || spec.activation == "gelu_fast") {
    spec.activation = "gelu_pytorch_tanh";  // likewise
  }
  const bool known =
      spec.activation == "silu" || spec.activation == "gelu_pytorch_tanh" || spec.activation == "gelu";
  if (!known) {
    config.fail(cat("the activation \"", spec.activation,
                    "\" is not supported (known: silu, gelu_pytorch_tanh, gelu)"));
  }
}

std::string read_dtype_name(const ConfigReader& config) {
  std::string name = config.text("dtype", config.text("torch_dtype", ""));
  if (starts_with(name, "torch.")) { name = name.substr(6); }
  if (name.empty() || name == "auto") { return ""; }
  if (name != "float32" && name != "bfloat16" && name != "float16") {
    config.fail(cat("the dtype \"", name, "\" is not supported (known: float32, bfloat16, float16)"));
  }
  return name;
}

void read_heads(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec) {
  spec.num_heads = config.size("num_attention_heads");
  const bool own = defaults.num_kv_heads.has_value() && !config.is_null("num_key_value_heads");
  spec.num_kv_heads = config.size("num_key_value_heads", own ? *defaults.num_kv_heads : spec.num_heads);
  if (spec.num_heads % spec.num_kv_heads != 0) {
    config.fail(cat(spec.num_heads, " attention heads cannot share ", spec.num_kv_heads, " key/value heads"));
  }
  const bool given = config.is_set("head_dim") || defaults.head_dim.has_value();
  if (!given && spec.hidden_size % spec.num_heads != 0) {
    config.fail(
        cat("\"hidden_size\" ", spec.hidden_size, " is not a multiple of ", spec.num_heads, " heads"));
  }
  spec.head_dim = config.size(
      "head_dim", defaults.head_dim.value_or(std::max<std::int64_t>(1, spec.hidden_size / spec.num_heads)));
  if (spec.head_dim > kLargestHead) {
    config.fail(cat("\"head_dim\" ", spec.head_dim, " is above ", kLargestHead));
  }
  if (spec.head_dim % 2 != 0) { config.fail(cat("\"head_dim\" ", spec.head_dim, " must be even (rope)")); }
}

}  // namespace

std::vector<std::string> foreign_keys(const ConfigReader& config) {
  std::vector<std::string> found;
  for (const char* key : kForeignKeys) {
    if (!config.is_set(key)) { continue; }
    const Json& value = config.json()[key];
    const bool inert =
        value == false || value == 0 || ((value.is_array() || value.is_object()) && value.empty());
    if (!inert) { found.emplace_back(key); }
  }
  return found;
}

void read_decoder(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec) {
  refuse_foreign_keys(config, defaults, spec);
  spec.hidden_size = config.size("hidden_size");
  spec.intermediate_size = config.size("intermediate_size");
  spec.num_layers = config.size("num_hidden_layers");
  if (spec.num_layers > kMaxLayers) { config.fail(cat(spec.num_layers, " layers are too many")); }
  spec.vocab_size = config.size("vocab_size");
  read_heads(config, defaults, spec);
  spec.max_positions = config.size("max_position_embeddings", defaults.max_positions);
  spec.norm_eps = config.positive(defaults.norm_eps_key, defaults.norm_eps);
  read_activation(config, defaults, spec);
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", defaults.tie_word_embeddings);
  spec.windows.assign(static_cast<std::size_t>(spec.num_layers), 0);
  if (!defaults.own_rope) { spec.rope = read_rope(config, defaults.rope, spec); }
  spec.torch_dtype = read_dtype_name(config);
  spec.initializer_range = config.positive("initializer_range", 0.02);
  spec.eos_ids = config.tokens("eos_token_id", defaults.eos_ids);
  // A small model may keep its family's default, which can be outside its vocabulary.
  if (spec.eos_ids != defaults.eos_ids) { check_eos_ids(config, spec.eos_ids, spec.vocab_size); }
  spec.bos_id = config.token("bos_token_id", defaults.bos_id);
  spec.pad_id = config.token("pad_token_id", defaults.pad_id);
}

void check_eos_ids(const ConfigReader& config, const std::vector<std::int32_t>& ids,
                   std::int64_t vocab_size) {
  for (const std::int32_t id : ids) {
    if (id >= vocab_size) {
      config.fail(cat("\"eos_token_id\" ", id, " is beyond the model's vocabulary of ", vocab_size));
    }
  }
}

void read_attention_bias(const ConfigReader& config, ModelSpec& spec) {
  spec.qkv_bias = spec.o_bias = config.flag("attention_bias", false);
}

void check_biases_whole(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "config.json: a ", spec.model_type,
              " model has biases on q_proj, k_proj, v_proj and o_proj, or none");
}

void check_no_biases(const ModelSpec& spec) {
  check_input(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "config.json: a ", spec.model_type,
              " model has no biases, but this config has some");
}

void refuse_flags(const ConfigReader& config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (config.flag(key, false)) { config.fail(cat("\"", key, "\": this family has none")); }
  }
}

PartNames norms_behind() {
  PartNames names;
  names.attention_norm = "";
  names.attention_post_norm = "post_attention_layernorm";
  names.mlp_norm = "";
  names.mlp_post_norm = "post_feedforward_layernorm";
  return names;
}

std::int64_t common_window(const ModelSpec& spec) {
  std::int64_t window = 0;
  for (const std::int64_t each : spec.windows) {
    check(each == 0 || window == 0 || each == window, "config.json knows one window size for all layers");
    if (each != 0) { window = each; }
  }
  return window;
}

std::vector<bool> read_layers_of(const char* kind, const ConfigReader& config, std::int64_t num_layers) {
  std::vector<bool> out;
  for (const std::string& type : config.texts("layer_types")) {
    if (type != "full_attention" && type != kind) {
      config.fail(cat("the layer type \"", type, "\" is not supported (known: full_attention, ", kind, ")"));
    }
    out.push_back(type == kind);
  }
  if (!out.empty() && static_cast<std::int64_t>(out.size()) != num_layers) {
    config.fail(cat("\"layer_types\" has ", out.size(), " entries for ", num_layers, " layers"));
  }
  return out;
}

std::vector<bool> read_sliding_layers(const ConfigReader& config, std::int64_t num_layers) {
  return read_layers_of("sliding_attention", config, num_layers);
}

std::vector<Mixer> listed_mixers(const char* kind, Mixer mixer, const ConfigReader& config,
                                 const ModelSpec& spec) {
  const std::vector<bool> listed = read_layers_of(kind, config, spec.num_layers);
  if (listed.empty()) { config.fail(cat("\"layer_types\" has 0 entries for ", spec.num_layers, " layers")); }
  std::vector<Mixer> out;
  for (const bool each : listed) { out.push_back(each ? mixer : Mixer::kAttention); }
  return out;
}

Json mixer_types_json(const ModelSpec& spec, const char* kind) {
  Json types = Json::array();
  for (const Mixer mixer : spec.mixers) {
    types.push_back(mixer == Mixer::kAttention ? "full_attention" : kind);
  }
  return types;
}

void read_one_window(const ConfigReader& config, std::int64_t absent, ModelSpec& spec) {
  const std::int64_t otherwise = config.is_null("sliding_window") ? 0 : absent;
  const std::int64_t window = config.is_set("sliding_window") ? config.size("sliding_window") : otherwise;
  spec.windows.assign(static_cast<std::size_t>(spec.num_layers), window);
}

void refuse_mixed_windows(const ConfigReader& config, const ModelSpec& spec) {
  const std::vector<bool> sliding = read_sliding_layers(config, spec.num_layers);
  const bool all = spec.windows.front() > 0;
  const bool mixed = std::any_of(sliding.begin(), sliding.end(), [&](bool each) { return each != all; });
  if (!mixed) { return; }
  config.fail(cat("\"layer_types\" that differ from \"sliding_window\" are not known for ", spec.model_type));
}

void print_one_window(const ModelSpec& spec, Json& config) {
  const std::int64_t window = common_window(spec);
  for (const std::int64_t each : spec.windows) {
    check(each == window, "this family has one window for all layers");
  }
  config["sliding_window"] = window == 0 ? Json(nullptr) : Json(window);
}

void read_layer_windows(const ConfigReader& config, const LayerWindows& defaults, ModelSpec& spec) {
  const bool none = config.is_null("sliding_window");
  const std::int64_t window = none ? 0 : config.size("sliding_window", defaults.window);
  const std::vector<bool> listed = read_sliding_layers(config, spec.num_layers);
  const auto by_pattern = [&](std::size_t i) {
    return defaults.pattern == 0 ? !none : static_cast<std::int64_t>(i + 1) % defaults.pattern != 0;
  };
  for (std::size_t i = 0; i < spec.windows.size(); ++i) {
    const bool sliding = listed.empty() ? by_pattern(i) : listed[i];
    if (sliding && none) { config.fail("\"sliding_window\" is null, but some layers slide"); }
    spec.windows[i] = sliding ? window : 0;
  }
}

void print_layer_windows(const ModelSpec& spec, std::int64_t default_window, Json& config) {
  const std::int64_t window = common_window(spec);
  config["sliding_window"] = window > 0 ? window : default_window;
  config["layer_types"] = layer_types_json(spec);
}

void read_layer_ropes(const ConfigReader& config, double full_theta, double sliding_theta, ModelSpec& spec) {
  Json full = Json::object(), sliding = Json::object();
  if (config.is_set("rope_parameters")) {
    const ConfigReader both = config.object("rope_parameters");
    for (const auto& [key, value] : both.json().items()) {
      if (key != "full_attention" && key != "sliding_attention") {
        config.fail(cat("\"rope_parameters\": \"", key, "\" is not supported (known: full_attention, ",
                        "sliding_attention)"));
      }
      if (!value.is_null() && !value.is_object()) {
        config.fail("\"rope_parameters\" must hold JSON objects");
      }
      if (value.is_object()) { (key == "full_attention" ? full : sliding) = value; }
    }
  }
  if (config.is_set("rope_scaling")) { full.update(config.object("rope_scaling").json()); }
  full.erase("type");  // transformers reads only rope_type here
  const RopeDialect dialect;
  spec.rope = read_rope_parameters(config, {full, config.what()}, config.positive("rope_theta", full_theta),
                                   dialect, spec);
  spec.local_rope = read_rope_parameters(config, {sliding, config.what()}, sliding_theta, dialect, spec);
  if (spec.local_rope.type != "default") {
    config.fail("rope of another type than default on sliding layers is not supported");
  }
  spec.rope_layers.clear();
  for (const std::int64_t window : spec.windows) { spec.rope_layers.push_back(window > 0 ? 1 : 0); }
}

Json layer_types_json(const ModelSpec& spec) {
  Json types = Json::array();
  for (const std::int64_t each : spec.windows) {
    types.push_back(each > 0 ? "sliding_attention" : "full_attention");
  }
  return types;
}

}  // namespace una::weights::detail
