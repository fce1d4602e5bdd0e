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
                .norm_eps = 1e-5,
                .tie_word_embeddings = true,
                .bos_id = 1,
                .pad_id = 0,
                .eos_ids = {2},
                .rope = {.theta = 500000}},
               spec);
  spec.qkv_bias = spec.o_bias = spec.mlp_bias = config.flag("use_bias", false);
  spec.rope.interleaved = true;
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.rope.interleaved, "ernie4_5's rope turns neighbours");
  config["use_bias"] = spec.qkv_bias;
}

void check_ernie(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias && spec.o_bias == spec.mlp_bias,
              "config.json: an ernie4_5 model has all biases or none");
}

}  // namespace

// Llama whose rope turns neighbouring dimensions.
Family ernie4_5_family() {
  return {.model_type = "ernie4_5",
          .class_prefix = "Ernie4_5",
          .has_classifier = false,
          .read = read,
          .print = print,
          .check = check_ernie};
}

}  // namespace una::weights::detail
