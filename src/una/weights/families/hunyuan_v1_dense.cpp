#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.max_positions = 2048, .norm_eps = 1e-5, .bos_id = 1, .pad_id = 0, .eos_ids = {2}},
               spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qk_norm = QkNorm::kHead;
  spec.qk_norm_after_rope = true;
  if (spec.rope.type != "default") {
    config.fail("a scaled rope is not supported for hunyuan_v1_dense (its \"alpha\" changes theta)");
  }
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "a hunyuan has all attention biases or none");
  config["attention_bias"] = spec.qkv_bias;
}

void check_hunyuan(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kHead && spec.qk_norm_after_rope,
              "config.json: a hunyuan_v1_dense model norms each query and key head after rope");
}

PartNames names() {
  PartNames out;
  out.q_norm = "self_attn.query_layernorm";
  out.k_norm = "self_attn.key_layernorm";
  return out;
}

}  // namespace

// Llama that norms query and key heads after their rotation.
Family hunyuan_v1_dense_family() {
  return {.model_type = "hunyuan_v1_dense",
          .class_prefix = "HunYuanDenseV1",
          .names = names(),
          .read = read,
          .print = print,
          .check = check_hunyuan};
}

}  // namespace una::weights::detail
