#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 2,
                .head_dim = 128,
                .max_positions = 131072,
                .norm_eps = 1.5625e-07,
                .pad_id = 151329,
                .eos_ids = {151329, 151336, 151338},
                .rope = {.partial = true, .partial_factor = 0.5}},
               spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qkv_bias = config.flag("attention_bias", true);
  spec.rope.interleaved = true;
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.rope.interleaved, "glm4's rope turns neighbours");
  config["attention_bias"] = spec.qkv_bias;
  config["partial_rotary_factor"] = spec.rope.partial_rotary_factor;
}

void check_glm4(const ModelSpec& spec) {
  check_input(!spec.o_bias && !spec.mlp_bias,
              "config.json: a glm4 model has biases on q_proj, k_proj and v_proj only");
}

PartNames names() {
  PartNames out;
  out.attention_post_norm = "post_self_attn_layernorm";
  out.mlp_post_norm = "post_mlp_layernorm";
  out.gate_up = "mlp.gate_up_proj";
  return out;
}

}  // namespace

// Norms before and behind attention and MLP; rope turns neighbours in half of each head.
Family glm4_family() {
  return {.model_type = "glm4",
          .class_prefix = "Glm4",
          .names = names(),
          .read = read,
          .print = print,
          .check = check_glm4};
}

}  // namespace una::weights::detail
