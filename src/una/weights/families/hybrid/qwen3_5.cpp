// Qwen3.5's text model: gated delta rules, with gated attention in some layers.
#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr double kPartialFactor = 0.25;

// "layer_types", else attention in every "full_attention_interval"-th layer.
std::vector<Mixer> read_mixers(const ConfigReader& config, const ModelSpec& spec) {
  if (config.is_set("layer_types")) {
    return listed_mixers("linear_attention", Mixer::kGatedDeltaRule, config, spec);
  }
  std::vector<Mixer> out;
  const std::int64_t interval = config.size("full_attention_interval", 4);
  for (std::int64_t layer = 1; layer <= spec.num_layers; ++layer) {
    out.push_back(layer % interval == 0 ? Mixer::kAttention : Mixer::kGatedDeltaRule);
  }
  return out;
}

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 4,
                .head_dim = 256,
                .max_positions = 32768,
                .rope = {.partial = true, .partial_factor = kPartialFactor}},
               spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.norm_style = NormStyle::kPlusOne;
  spec.qk_norm = QkNorm::kHead;
  spec.attention_gate = true;
  spec.mixers = read_mixers(config, spec);
  spec.conv_kernel = config.size("linear_conv_kernel_dim", 4);
  spec.delta_rule = {.num_key_heads = config.size("linear_num_key_heads", 16),
                     .num_value_heads = config.size("linear_num_value_heads", 32),
                     .key_head_dim = config.size("linear_key_head_dim", 128),
                     .value_head_dim = config.size("linear_value_head_dim", 128)};
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.attention_gate && !spec.mixers.empty(), "a qwen3_5 gates its attention");
  config["layer_types"] = mixer_types_json(spec, "linear_attention");
  config["attention_bias"] = spec.qkv_bias;
  config["partial_rotary_factor"] = spec.rope.partial_rotary_factor;
  config["linear_conv_kernel_dim"] = spec.conv_kernel;
  config["linear_num_key_heads"] = spec.delta_rule.num_key_heads;
  config["linear_num_value_heads"] = spec.delta_rule.num_value_heads;
  config["linear_key_head_dim"] = spec.delta_rule.key_head_dim;
  config["linear_value_head_dim"] = spec.delta_rule.value_head_dim;
}

void check_qwen3_5(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.activation == "silu", "config.json: a qwen3_5 model computes with silu, not with ",
              spec.activation);
  const DeltaRuleSpec& rule = spec.delta_rule;
  check_input(spec.conv_kernel > 0 && rule.num_key_heads > 0 && rule.num_value_heads > 0 &&
                  rule.key_head_dim > 0 && rule.value_head_dim > 0,
              "config.json: linear_conv_kernel_dim, linear_num_key_heads, linear_num_value_heads, "
              "linear_key_head_dim and linear_value_head_dim must be at least 1");
  check_input(rule.num_value_heads % rule.num_key_heads == 0, "config.json: linear_num_value_heads ",
              rule.num_value_heads, " is not a multiple of linear_num_key_heads ", rule.num_key_heads);
  const bool known = std::none_of(spec.mixers.begin(), spec.mixers.end(),
                                  [](Mixer each) { return each == Mixer::kShortConvolution; });
  check(
      known && spec.attention_gate && spec.qk_norm == QkNorm::kHead && spec.norm_style == NormStyle::kPlusOne,
      "a qwen3_5 has gated delta rules, and gated attention with normed heads");
}

PartNames names() {
  PartNames out;
  out.ignored = "mtp.";  // a layer that guesses the token after the next; transformers ignores it too
  return out;
}

}  // namespace

Family qwen3_5_family() {
  return {.model_type = "qwen3_5_text",
          .class_prefix = "Qwen3_5",
          .classifier_prefix = "Qwen3_5Text",
          .names = names(),
          .default_targets = {"q_proj", "v_proj", "in_proj_qkv", "in_proj_z", "out_proj"},  // PEFT has none
          .read = read,
          .print = print,
          .check = check_qwen3_5};
}

}  // namespace una::weights::detail
