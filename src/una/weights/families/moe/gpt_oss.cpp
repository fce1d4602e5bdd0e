// gpt-oss: experts in every layer, with biases and a clamped SwiGLU; attention with a sink for each head, and every
// other layer slides.
#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr double kTheta = 150000;
constexpr LayerWindows kWindows{.window = 128, .pattern = 2};

// transformers' rope where config.json has none.
RopeSpec usual_rope(const ConfigReader& config) {
  RopeSpec rope;
  rope.type = "yarn";
  rope.theta = config.positive("rope_theta", kTheta);
  rope.factor = 32;
  rope.original_max_positions = 4096;
  rope.truncate = false;
  return rope;
}

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 8,
                .head_dim = 64,
                .max_positions = 131072,
                .norm_eps = 1e-5,
                .own_rope = true,
                .sparse = true},
               spec);
  const bool says_rope = config.is_set("rope_scaling") || config.is_set("rope_parameters");
  spec.rope = says_rope ? read_rope(config, {.theta = kTheta}, spec) : usual_rope(config);
  spec.norm_style = NormStyle::kWide;
  spec.qkv_bias = spec.o_bias = config.flag("attention_bias", true);
  spec.attention_sinks = true;
  read_layer_windows(config, kWindows, spec);
  read_moe(config, {.experts_key = "num_local_experts", .num_experts = 128, .experts_per_token = 4}, spec);
  spec.moe.norm_topk_prob = spec.moe.router_bias = spec.moe.expert_bias = true;
  spec.moe.swiglu_alpha = config.positive("swiglu_alpha", 1.702);
  spec.moe.swiglu_limit = config.positive("swiglu_limit", 7);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.attention_sinks && spec.moe.router_bias && spec.moe.expert_bias &&
            spec.norm_style == NormStyle::kWide,
        "a gpt_oss has sinks, and biases of routers and experts");
  config["attention_bias"] = spec.qkv_bias;
  print_layer_windows(spec, kWindows.window, config);
  print_moe(spec, "num_local_experts", config);
  config["swiglu_alpha"] = spec.moe.swiglu_alpha;
  config["swiglu_limit"] = spec.moe.swiglu_limit;
  // Without an object of rope transformers takes its usual one.
  if (spec.rope.type == "default") { config["rope_scaling"] = {{"rope_type", "default"}}; }
}

void check_gpt_oss(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_all_sparse(spec);
  check_input(spec.activation == "silu",
              "config.json: a gpt_oss model's \"hidden_act\" is silu, whose sigmoid ",
              "\"swiglu_alpha\" sharpens");
  check_input(spec.moe.swiglu_alpha > 0 && spec.moe.swiglu_limit > 0,
              "config.json: a gpt_oss model's swiglu_alpha and swiglu_limit must be positive");
}

PartNames gpt_oss_names() {
  PartNames names;
  names.router = "mlp.router";
  names.fused_experts = {{.gate_up = "mlp.experts.gate_up_proj",
                          .down = "mlp.experts.down_proj",
                          .router = "mlp.router.weight",
                          .transposed = true,
                          .interleaved = true,
                          .gate_up_bias = "mlp.experts.gate_up_proj_bias",
                          .down_bias = "mlp.experts.down_proj_bias"}};
  names.stored_experts = 0;
  return names;
}

}  // namespace

Family gpt_oss_family() {
  return {.model_type = "gpt_oss",
          .class_prefix = "GptOss",
          .names = gpt_oss_names(),
          .read = read,
          .print = print,
          .check = check_gpt_oss};
}

}  // namespace una::weights::detail
