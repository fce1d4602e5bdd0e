#include "una/weights/family.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kMaxLayers = 10000;
constexpr double kDefaultTheta = 10000;

void read_llama3(const ConfigReader& config, const ConfigReader& scaling, RopeSpec& rope,
                 std::int64_t max_positions) {
  for (const char* key : {"factor", "low_freq_factor", "high_freq_factor"}) {
    if (!scaling.is_set(key)) config.fail(cat("the rope type llama3 needs \"", key, "\""));
  }
  rope.factor = scaling.positive("factor", 1);
  rope.low_freq_factor = scaling.positive("low_freq_factor", 1);
  rope.high_freq_factor = scaling.positive("high_freq_factor", 4);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    config.fail("rope: \"high_freq_factor\" must be above \"low_freq_factor\"");
  }
  constexpr const char* kOriginal = "original_max_position_embeddings";
  const ConfigReader& holder = config.is_set(kOriginal) ? config : scaling;
  rope.original_max_positions = holder.size(kOriginal, max_positions);
}

// rope_theta + rope_scaling, or rope_parameters; where both stand, transformers takes rope_scaling.
RopeSpec read_rope(const ConfigReader& config, std::int64_t max_positions) {
  const char* key = nullptr;
  for (const char* each : {"rope_scaling", "rope_parameters"}) {
    if (key == nullptr && config.is_set(each) && !config.json()[each].empty()) key = each;
  }
  RopeSpec rope;
  rope.theta = config.positive("rope_theta", kDefaultTheta);
  const ConfigReader scaling = key != nullptr ? config.object(key) : config;
  if (scaling.positive("partial_rotary_factor", config.positive("partial_rotary_factor", 1)) != 1) {
    config.fail("a \"partial_rotary_factor\" other than 1 is not supported");
  }
  if (key == nullptr) return rope;
  for (const Json& value : scaling.json()) {
    if (value.is_object()) config.fail(cat("\"", key, "\" for each kind of layer is not supported"));
  }
  rope.theta = scaling.positive("rope_theta", rope.theta);
  rope.type = scaling.text("rope_type", scaling.text("type", "default"));
  if (rope.type == "llama3") {
    read_llama3(config, scaling, rope, max_positions);
  } else if (rope.type != "default") {
    config.fail(cat("the rope type \"", rope.type, "\" is not supported (known: default, llama3)"));
  }
  return rope;
}

std::string read_dtype_name(const ConfigReader& config) {
  std::string name = config.text("dtype", config.text("torch_dtype", ""));
  if (starts_with(name, "torch.")) name = name.substr(6);
  if (name.empty() || name == "auto") return "";
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
  if (!config.is_set("head_dim") && spec.hidden_size % spec.num_heads != 0) {
    config.fail(cat("\"hidden_size\" ", spec.hidden_size, " is no multiple of ", spec.num_heads, " heads"));
  }
  spec.head_dim = config.size("head_dim", std::max<std::int64_t>(1, spec.hidden_size / spec.num_heads));
  if (spec.head_dim % 2 != 0) config.fail(cat("\"head_dim\" ", spec.head_dim, " must be even (rope)"));
}

}  // namespace

void read_decoder(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec) {
  spec.hidden_size = config.size("hidden_size");
  spec.intermediate_size = config.size("intermediate_size");
  spec.num_layers = config.size("num_hidden_layers");
  if (spec.num_layers > kMaxLayers) config.fail(cat(spec.num_layers, " layers are too many"));
  spec.vocab_size = config.size("vocab_size");
  read_heads(config, defaults, spec);
  spec.max_positions = config.size("max_position_embeddings", defaults.max_positions);
  spec.norm_eps = config.positive("rms_norm_eps", 1e-6);
  spec.activation = config.text("hidden_act", "silu");
  if (spec.activation == "swish") spec.activation = "silu";  // two names of one function in transformers
  if (spec.activation != "silu") {
    config.fail(cat("the activation \"", spec.activation, "\" is not supported (known: silu)"));
  }
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", false);
  spec.windows.assign(static_cast<std::size_t>(spec.num_layers), 0);
  spec.rope = read_rope(config, spec.max_positions);
  spec.torch_dtype = read_dtype_name(config);
  spec.initializer_range = config.positive("initializer_range", 0.02);
  spec.eos_ids = config.tokens("eos_token_id", defaults.eos_ids);
  spec.bos_id = config.token("bos_token_id", defaults.bos_id);
  spec.pad_id = config.token("pad_token_id", -1);
}

std::int64_t common_window(const ModelSpec& spec) {
  std::int64_t window = 0;
  for (const std::int64_t each : spec.windows) {
    check(each == 0 || window == 0 || each == window, "config.json knows one window size for all layers");
    if (each != 0) window = each;
  }
  return window;
}

std::vector<bool> read_sliding_layers(const ConfigReader& config, std::int64_t num_layers) {
  std::vector<bool> out;
  for (const std::string& type : config.texts("layer_types")) {
    if (type != "full_attention" && type != "sliding_attention") {
      config.fail(
          cat("the layer type \"", type, "\" is not supported (known: full_attention, sliding_attention)"));
    }
    out.push_back(type == "sliding_attention");
  }
  if (!out.empty() && static_cast<std::int64_t>(out.size()) != num_layers) {
    config.fail(cat("\"layer_types\" has ", out.size(), " entries for ", num_layers, " layers"));
  }
  return out;
}

}  // namespace una::weights::detail
