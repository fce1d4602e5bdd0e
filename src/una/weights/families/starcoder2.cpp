#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultKvHeads = 2;

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = kDefaultKvHeads,
                .max_positions = 4096,
                .norm_eps = 1e-5,
                .norm_eps_key = "norm_epsilon",
                .activation = "gelu_pytorch_tanh",
                .tie_word_embeddings = true,
                .bos_id = 50256,
                .eos_ids = {50256}},
               spec);
  spec.qkv_bias = spec.o_bias = spec.mlp_bias = config.flag("use_bias", true);
  spec.norm_style = NormStyle::kLayerNorm;
  spec.norm_bias = true;
  spec.gated_mlp = false;
  read_one_window(config, /*absent=*/0, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(!spec.gated_mlp && spec.norm_bias, "a starcoder2 has layer norms with biases and no gate");
  config["use_bias"] = spec.qkv_bias;
  config["norm_epsilon"] = spec.norm_eps;
  config.erase("rms_norm_eps");
  print_one_window(spec, config);
  config["residual_dropout"] = config["embedding_dropout"] = 0.0;
}

void check_starcoder2(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias && spec.o_bias == spec.mlp_bias,
              "config.json: a starcoder2 model has all biases or none");
}

PartNames names() {
  PartNames out;
  out.gate = "";
  out.up = "mlp.c_fc";
  out.down = "mlp.c_proj";
  return out;
}

}  // namespace

// Layer norms with biases, and an MLP of two matrices.
Family starcoder2_family() {
  return {.model_type = "starcoder2",
          .class_prefix = "Starcoder2",
          .names = names(),
          .read = read,
          .print = print,
          .check = check_starcoder2};
}

}  // namespace una::weights::detail
