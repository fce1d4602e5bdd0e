#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(
      config,
      {.num_kv_heads = 8, .head_dim = 128, .max_positions = 524288, .bos_id = 0, .pad_id = 1, .eos_ids = {2}},
      spec);
  spec.qkv_bias = config.flag("attention_bias", true);
  spec.o_bias = config.flag("attention_out_bias", false);
  spec.mlp_bias = config.flag("mlp_bias", false);
}

void print(const ModelSpec& spec, Json& config) {
  config["attention_bias"] = spec.qkv_bias;
  config["attention_out_bias"] = spec.o_bias;
  config["mlp_bias"] = spec.mlp_bias;
  config["residual_dropout"] = 0.0;
}

}  // namespace

// Llama with biases chosen one by one. Its dropout is not applied: no family's is.
Family seed_oss_family() {
  return {.model_type = "seed_oss", .class_prefix = "SeedOss", .read = read, .print = print};
}

}  // namespace una::weights::detail
