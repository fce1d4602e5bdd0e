// Gemma 4 (text). Its full layers have heads of their own and may take keys for values, its last layers may read another
// layer's keys and values, and each layer may get a part of a second embedding of the token.
#include <algorithm>
#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"
#include "una/weights/families/gemma/gemma.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kKvHeads = 4, kHeadDim = 256, kFullHeadDim = 512, kWindow = 512, kPattern = 6;
constexpr std::int64_t kInputSize = 256, kInputVocab = 262144;
constexpr double kTheta = 1e4;
constexpr const char *kFull = "full_attention", *kSliding = "sliding_attention";
constexpr const char *kKvShared = "num_kv_shared_layers", *kInput = "hidden_size_per_layer_input";
constexpr const char* kLayerConfig = "per_layer_config";

// A number that may be 0, which means none, as null does.
std::int64_t count(const ConfigReader& config, const char* key, std::int64_t absent) {
  if (config.is_null(key) || (config.is_set(key) && config.json()[key] == 0)) { return 0; }
  return config.is_set(key) ? config.size(key) : absent;
}

void refuse_unknown_parts(const ConfigReader& config) {
  if (config.flag("enable_moe_block", false)) {
    config.fail("\"enable_moe_block\": the experts of gemma4 are not supported");
  }
  const std::string bidirectional = config.text("use_bidirectional_attention", "vision");
  if (bidirectional != "vision") {  // which concerns images alone
    config.fail(cat("\"use_bidirectional_attention\" \"", bidirectional,
                    "\" is not supported: una runs causal text decoders"));
  }
}

void read_layers(const ConfigReader& config, ModelSpec& spec) {
  read_layer_windows(config, {.window = kWindow, .pattern = kPattern}, spec);
  spec.windows.back() = 0;  // as transformers does, whatever "layer_types" says
  spec.gemma4.kv_shared_layers = count(config, kKvShared, 0);
  spec.gemma4.wide_shared_mlp = config.flag("use_double_wide_mlp", false);
  const std::int64_t own = spec.num_layers - spec.gemma4.kv_shared_layers;
  const auto has_kind = [&](std::int64_t end, bool full) {
    for (std::int64_t i = 0; i < end; ++i) {
      if (spec.is_full(i) == full) { return true; }
    }
    return false;
  };
  for (const bool full : {false, true}) {
    if (own < 1 || (has_kind(spec.num_layers, full) && !has_kind(own, full))) {
      config.fail(cat("\"", kKvShared, "\" ", spec.gemma4.kv_shared_layers, ": no ", full ? kFull : kSliding,
                      " layer before the last ", spec.gemma4.kv_shared_layers,
                      " makes keys and values for them"));
    }
  }
}

// transformers writes "per_layer_config": what each full layer has otherwise, which must be the same in all of them.
void read_layer_config(const ConfigReader& config, ModelSpec& spec) {
  const ConfigReader layers = config.object(kLayerConfig);
  std::int64_t full = 0, found = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) { full += spec.is_full(layer) ? 1 : 0; }
  Json first;
  for (const auto& [layer, changes] : layers.json().items()) {
    const bool known = std::all_of(layer.begin(), layer.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
                       layer.size() < 6 && std::stoll(layer) < spec.num_layers &&
                       spec.is_full(std::stoll(layer)) && changes.is_object();
    if (!known || (found++ > 0 && changes != first)) {
      config.fail(cat("\"", kLayerConfig, "\" of layer ", layer,
                      " is not supported: it may change all full layers alike, and no others"));
    }
    first = changes;
  }
  if (found != 0 && found != full) {
    config.fail(
        cat("\"", kLayerConfig, "\" has ", found, " of ", full, " full layers; it must have all or none"));
  }
  if (found == 0) { return; }
  for (const auto& [key, value] : first.items()) {
    if (key != "head_dim" && key != "num_key_value_heads") {
      config.fail(cat("\"", kLayerConfig, "\": \"", key,
                      "\" is not supported (known: head_dim, num_key_value_heads)"));
    }
  }
  const ConfigReader changes(first, config.what());
  spec.gemma4.full_head_dim = changes.size("head_dim", spec.head_dim);
  spec.gemma4.full_kv_heads = changes.size("num_key_value_heads", spec.num_kv_heads);
}

void read_full_heads(const ConfigReader& config, ModelSpec& spec) {
  Gemma4Spec& own = spec.gemma4;
  own.keys_as_values = config.flag("attention_k_eq_v", false);
  if (config.is_set(kLayerConfig)) {
    read_layer_config(config, spec);
  } else {
    own.full_head_dim = config.size("global_head_dim", kFullHeadDim);
    own.full_kv_heads = own.keys_as_values ? count(config, "num_global_key_value_heads", 0) : 0;
  }
  if (own.full_head_dim % 2 != 0) {
    config.fail(cat("the head_dim of full layers, ", own.full_head_dim, ", must be even (rope)"));
  }
  if (own.full_kv_heads > 0 && spec.num_heads % own.full_kv_heads != 0) {
    config.fail(cat(spec.num_heads, " attention heads cannot share ", own.full_kv_heads,
                    " key/value heads in full layers"));
  }
}

void read_ropes(const ConfigReader& config, ModelSpec& spec) {
  for (const char* key : {"rope_scaling", "partial_rotary_factor"}) {
    if (config.is_set(key)) {
      config.fail(cat("\"", key, "\" is not supported for gemma4_text: transformers reads rope_parameters"));
    }
  }
  Json full = {{"rope_type", "proportional"}, {"partial_rotary_factor", 0.25}, {"rope_theta", 1e6}};
  Json sliding = {{"rope_theta", kTheta}};
  if (config.is_set("rope_parameters")) {
    const ConfigReader both = config.object("rope_parameters");
    for (const char* key : {kFull, kSliding}) {
      if (key == kSliding && common_window(spec) == 0) { continue; }
      if (!both.is_set(key)) { config.fail(cat("\"rope_parameters\" needs \"", key, "\"")); }
      (key == kFull ? full : sliding) = both.object(key).json();
    }
  }
  ModelSpec sized = spec;
  sized.head_dim = spec.layer_head_dim(spec.num_layers - 1);
  const RopeDialect dialect{.proportional = true};
  spec.rope = read_rope_parameters(config, {full, config.what()}, kTheta, dialect, sized);
  spec.local_rope = read_rope_parameters(config, {sliding, config.what()}, kTheta, dialect, spec);
  if (spec.local_rope.type != "default") {
    config.fail("rope of another type than default on sliding layers is not supported");
  }
  for (const std::int64_t window : spec.windows) { spec.rope_layers.push_back(window > 0 ? 1 : 0); }
}

void read_inputs(const ConfigReader& config, ModelSpec& spec) {
  spec.gemma4.input_size = count(config, kInput, kInputSize);
  if (spec.gemma4.input_size == 0) { return; }
  spec.gemma4.input_vocab = config.size("vocab_size_per_layer_input", kInputVocab);
  if (spec.gemma4.input_vocab < spec.vocab_size) {
    config.fail(cat("\"vocab_size_per_layer_input\" ", spec.gemma4.input_vocab,
                    " is below the vocabulary of ", spec.vocab_size, " tokens"));
  }
}

void read(const ConfigReader& config, ModelSpec& spec) {
  refuse_unknown_parts(config);
  read_decoder(config,
               {.num_kv_heads = kKvHeads,
                .head_dim = kHeadDim,
                .max_positions = 131072,
                .activation_key = "hidden_activation",
                .activation = "gelu_pytorch_tanh",
                .tie_word_embeddings = true,
                .bos_id = 2,
                .pad_id = 0,
                .eos_ids = {1},
                .own_rope = true,
                .sparse = true,  // transformers ignores num_experts without enable_moe_block
                .own_key = "use_bidirectional_attention"},
               spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.norm_style = NormStyle::kWide;
  spec.qk_norm = QkNorm::kHead;
  spec.gemma4.value_norm = spec.gemma4.layer_scalar = true;
  spec.attention_scale = 1;
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden_size));
  if (config.is_set("final_logit_softcapping")) {
    spec.logit_soft_cap = config.positive("final_logit_softcapping", 1);
  }
  read_layers(config, spec);
  read_full_heads(config, spec);
  read_ropes(config, spec);
  read_inputs(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  const Gemma4Spec& own = spec.gemma4;
  print_layer_windows(spec, kWindow, config);
  config["attention_bias"] = spec.qkv_bias;
  config["attention_k_eq_v"] = own.keys_as_values;
  config["enable_moe_block"] = false;
  config["final_logit_softcapping"] = spec.logit_soft_cap > 0 ? Json(spec.logit_soft_cap) : Json(nullptr);
  config["hidden_activation"] = spec.activation;
  config[kInput] = own.input_size;
  config["vocab_size_per_layer_input"] = own.input_size > 0 ? own.input_vocab : spec.vocab_size;
  config[kKvShared] = own.kv_shared_layers;
  config["use_double_wide_mlp"] = own.wide_shared_mlp;
  Json layers = Json::object();
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (!spec.is_full(layer)) { continue; }
    layers[std::to_string(layer)] = {{"head_dim", spec.layer_head_dim(layer)},
                                     {"num_key_value_heads", spec.layer_kv_heads(layer)}};
  }
  config[kLayerConfig] = layers;
  Json full = rope_scaling_json(spec.rope);
  if (full.is_null()) { full = {{"rope_type", "default"}}; }
  full["rope_theta"] = spec.rope.theta;
  config["rope_parameters"] = {{kFull, full},
                               {kSliding, {{"rope_type", "default"}, {"rope_theta", spec.local_rope.theta}}}};
  for (const char* key : {"hidden_act", "rope_scaling", "rope_theta", "partial_rotary_factor"}) {
    config.erase(key);
  }
}

void check_gemma4(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a gemma4 model norms each query and key head");
}

}  // namespace

Family gemma4_family() {
  return {.model_type = "gemma4_text",
          .class_prefix = "Gemma4",
          .has_classifier = false,
          .names = four_norms(),
          .read = read,
          .print = print,
          .check = check_gemma4};
}

}  // namespace una::weights::detail
