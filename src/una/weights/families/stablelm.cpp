#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 32,
                .max_positions = 4096,
                .norm_eps = 1e-5,
                .norm_eps_key = "layer_norm_eps",
                .bos_id = 0,
                .eos_ids = {0},
                .rope = {.partial = true, .partial_factor = 0.25}},
               spec);
  refuse_flags(config, {"attention_bias", "mlp_bias", "qk_layernorm"});
  spec.qkv_bias = config.flag("use_qkv_bias", false);
  spec.norm_style = NormStyle::kLayerNorm;
  spec.norm_bias = true;
  spec.parallel_block = config.flag("use_parallel_residual", false);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.norm_bias && !spec.o_bias && !spec.mlp_bias, "a stablelm has biases on q, k, v and its norms");
  config["use_qkv_bias"] = spec.qkv_bias;
  config["use_parallel_residual"] = spec.parallel_block;
  config["layer_norm_eps"] = spec.norm_eps;
  config.erase("rms_norm_eps");
  config["partial_rotary_factor"] = spec.rope.partial_rotary_factor;
}

void check_stablelm(const ModelSpec& spec) {
  check_input(!spec.o_bias && !spec.mlp_bias,
              "config.json: a stablelm model has biases on q_proj, k_proj and v_proj only");
}

}  // namespace

// Layer norms with biases, rope in a quarter of each head; some have parallel blocks.
Family stablelm_family() {
  return {.model_type = "stablelm",
          .class_prefix = "StableLm",
          .read = read,
          .print = print,
          .check = check_stablelm};
}

}  // namespace una::weights::detail
