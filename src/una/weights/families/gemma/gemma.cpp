// Gemma 1 to 3. They share norms that multiply by 1 + w, a scaled embedding and the tanh form of gelu.
#include "una/weights/families/gemma/gemma.h"

#include <cmath>

#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kHeadDim = 256, kDefaultWindow = 4096;
constexpr double kScalar = 256;  // query_pre_attn_scalar
constexpr double kGlobalTheta = 1e6, kLocalTheta = 1e4;

DecoderDefaults gemma_defaults(std::int64_t kv_heads, std::int64_t max_positions) {
  return {.num_kv_heads = kv_heads,
          .head_dim = kHeadDim,
          .max_positions = max_positions,
          .activation = "gelu_pytorch_tanh",
          .tie_word_embeddings = true,
          .bos_id = 2,
          .pad_id = 0,
          .eos_ids = {1}};
}

void read_gemma(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec) {
  read_decoder(config, defaults, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.norm_style = NormStyle::kPlusOne;
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden_size));
}

double read_cap(const ConfigReader& config, const char* key, double absent) {
  if (config.is_null(key)) { return 0; }
  return config.is_set(key) ? config.positive(key, 1) : absent;
}

void read_gemma1(const ConfigReader& config, ModelSpec& spec) {
  read_gemma(config, gemma_defaults(16, 8192), spec);
  // The first official files name gelu, although the model uses the tanh form.
  if (spec.activation == "gelu") { spec.activation = "gelu_pytorch_tanh"; }
}

void read_scores(const ConfigReader& config, ModelSpec& spec) {
  spec.attention_scale = 1 / std::sqrt(config.positive("query_pre_attn_scalar", kScalar));
}

void read_gemma2(const ConfigReader& config, ModelSpec& spec) {
  DecoderDefaults defaults = gemma_defaults(4, 8192);
  defaults.activation_key = "hidden_activation";
  read_gemma(config, defaults, spec);
  read_scores(config, spec);
  spec.attention_soft_cap = read_cap(config, "attn_logit_softcapping", 50);
  spec.logit_soft_cap = read_cap(config, "final_logit_softcapping", 30);
  read_layer_windows(config, {.window = kDefaultWindow, .pattern = 2}, spec);
}

void read_gemma3(const ConfigReader& config, ModelSpec& spec) {
  DecoderDefaults defaults = gemma_defaults(4, 131072);
  defaults.activation_key = "hidden_activation";
  defaults.own_rope = true;
  read_gemma(config, defaults, spec);
  read_scores(config, spec);
  spec.qk_norm = QkNorm::kHead;
  spec.logit_soft_cap = read_cap(config, "final_logit_softcapping", 0);
  if (config.is_set("attn_logit_softcapping")) {
    config.fail("\"attn_logit_softcapping\" is not supported for gemma3_text: transformers ignores it");
  }
  read_layer_windows(config, {.window = kDefaultWindow, .pattern = config.size("sliding_window_pattern", 6)},
                     spec);
  read_layer_ropes(config, kGlobalTheta, config.positive("rope_local_base_freq", kLocalTheta), spec);
}

void print_gemma1(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "a gemma has all attention biases or none");
  check(spec.norm_style == NormStyle::kPlusOne, "a gemma's norms multiply by 1 + w");
  config["attention_bias"] = spec.qkv_bias;
}

void print_scores(const ModelSpec& spec, Json& config) {
  print_gemma1(spec, config);
  config["hidden_activation"] = spec.activation;
  config.erase("hidden_act");
  const double scalar = spec.attention_scale > 0 ? 1 / (spec.attention_scale * spec.attention_scale)
                                                 : static_cast<double>(spec.head_dim);
  const double whole = std::round(scalar);
  check(std::fabs(scalar - whole) < 1e-6 * scalar, "query_pre_attn_scalar is a whole number");
  config["query_pre_attn_scalar"] = static_cast<std::int64_t>(whole);
  const auto cap = [](double value) { return value > 0 ? Json(value) : Json(nullptr); };
  config["attn_logit_softcapping"] = cap(spec.attention_soft_cap);
  config["final_logit_softcapping"] = cap(spec.logit_soft_cap);
  print_layer_windows(spec, kDefaultWindow, config);
}

void print_gemma3(const ModelSpec& spec, Json& config) {
  print_scores(spec, config);
  check(spec.attention_soft_cap == 0, "a gemma3 does not cap its attention scores");
  config["rope_local_base_freq"] = spec.local_rope.theta;
}

void check_gemma(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.norm_style == NormStyle::kPlusOne, "config.json: a gemma model's norms multiply by 1 + w");
}

void check_gemma3(const ModelSpec& spec) {
  check_gemma(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a gemma3 model norms each query and key head");
}

}  // namespace

PartNames four_norms() {
  PartNames names;
  names.attention_post_norm = "post_attention_layernorm";
  names.mlp_norm = "pre_feedforward_layernorm";
  names.mlp_post_norm = "post_feedforward_layernorm";
  return names;
}

Family gemma_family() {
  return {.model_type = "gemma",
          .class_prefix = "Gemma",
          .read = read_gemma1,
          .print = print_gemma1,
          .check = check_gemma};
}

Family gemma2_family() {
  return {.model_type = "gemma2",
          .class_prefix = "Gemma2",
          .names = four_norms(),
          .read = read_gemma2,
          .print = print_scores,
          .check = check_gemma};
}

Family gemma3_family() {
  return {.model_type = "gemma3_text",
          .class_prefix = "Gemma3",
          .classifier_prefix = "Gemma3Text",
          .names = four_norms(),
          .read = read_gemma3,
          .print = print_gemma3,
          .check = check_gemma3};
}

}  // namespace una::weights::detail
