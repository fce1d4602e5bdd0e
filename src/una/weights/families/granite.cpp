#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.max_positions = 2048, .bos_id = 1, .eos_ids = {2}}, spec);
  read_attention_bias(config, spec);
  spec.mlp_bias = config.flag("mlp_bias", false);
  read_granite_scales(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias, "a granite has all attention biases or none");
  config["attention_bias"] = spec.qkv_bias;
  config["mlp_bias"] = spec.mlp_bias;
  print_granite_scales(spec, config);
}

void check_granite(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias,
              "config.json: a granite model has biases on q_proj, k_proj, v_proj and o_proj, or none");
}

}  // namespace

void read_granite_scales(const ConfigReader& config, ModelSpec& spec) {
  spec.embedding_scale = config.positive("embedding_multiplier", 1);
  spec.residual_scale = config.positive("residual_multiplier", 1);
  spec.attention_scale = config.positive("attention_multiplier", 1);
  spec.logit_scale = 1 / config.positive("logits_scaling", 1);
}

void print_granite_scales(const ModelSpec& spec, Json& config) {
  config["embedding_multiplier"] = spec.embedding_scale;
  config["residual_multiplier"] = spec.residual_scale;
  config["attention_multiplier"] = spec.attention_scale;
  config["logits_scaling"] = 1 / spec.logit_scale;
}

// Llama with four factors: on the embedding, the scores, what each block adds, and the logits.
Family granite_family() {
  return {.model_type = "granite",
          .class_prefix = "Granite",
          .has_classifier = false,
          .read = read,
          .print = print,
          .check = check_granite};
}

}  // namespace una::weights::detail
