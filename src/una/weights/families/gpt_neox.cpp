#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr double kRotaryShare = 0.25, kTheta = 10000;

void read(const ConfigReader& config, ModelSpec& spec) {
  const RopeDialect rope{.theta = config.positive("rotary_emb_base", kTheta),
                         .partial = true,
                         .partial_factor = config.positive("rotary_pct", kRotaryShare)};
  read_decoder(config,
               {.max_positions = 2048,
                .norm_eps = 1e-5,
                .norm_eps_key = "layer_norm_eps",
                .activation = "gelu",
                .bos_id = 0,
                .eos_ids = {2},
                .rope = rope},
               spec);
  spec.num_kv_heads = spec.num_heads;  // the class has no key for them
  spec.qkv_bias = spec.o_bias = config.flag("attention_bias", true);
  spec.mlp_bias = true;
  spec.norm_style = NormStyle::kLayerNorm;
  spec.norm_bias = true;
  spec.gated_mlp = false;
  spec.qkv_by_head = true;
  spec.parallel_block = spec.parallel_mlp_norm = config.flag("use_parallel_residual", true);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.norm_bias && spec.qkv_by_head && spec.parallel_mlp_norm == spec.parallel_block,
        "a gpt_neox has layer norms with biases, two in each layer, and projections by head");
  config["attention_bias"] = spec.qkv_bias;
  config["use_parallel_residual"] = spec.parallel_block;
  config["layer_norm_eps"] = spec.norm_eps;
  config["rotary_pct"] = spec.rope.partial_rotary_factor;
  config["rotary_emb_base"] = spec.rope.theta;
  config["hidden_dropout"] = 0.0;
  for (const char* key :
       {"rms_norm_eps", "num_key_value_heads", "head_dim", "rope_theta", "partial_rotary_factor"}) {
    config.erase(key);
  }
}

void check_gpt_neox(const ModelSpec& spec) {
  check_input(
      spec.qkv_bias == spec.o_bias && spec.mlp_bias,
      "config.json: a gpt_neox model has biases in its MLP, and on attention's projections all or none");
  check_input(
      spec.num_kv_heads == spec.num_heads && spec.num_heads * spec.head_dim == spec.hidden_size,
      "config.json: a gpt_neox model has as many key-value heads as heads, which make up the hidden size");
}

PartNames names() {
  PartNames out;
  out.embedding = "gpt_neox.embed_in";
  out.layers = "gpt_neox.layers";
  out.final_norm = "gpt_neox.final_layer_norm";
  out.stored_head = "embed_out";
  out.qkv = "attention.query_key_value";
  out.o = "attention.dense";
  out.gate = "";
  out.up = "mlp.dense_h_to_4h";
  out.down = "mlp.dense_4h_to_h";
  return out;
}

}  // namespace

// GPT-NeoX and Pythia: layer norms with biases, rope in a quarter of each head; attention and MLP mostly in parallel,
// each behind a norm of its own.
Family gpt_neox_family() {
  return {.model_type = "gpt_neox",
          .class_prefix = "GPTNeoX",
          .names = names(),
          .default_targets = {"query_key_value"},
          .read = read,
          .print = print,
          .check = check_gpt_neox};
}

}  // namespace una::weights::detail
