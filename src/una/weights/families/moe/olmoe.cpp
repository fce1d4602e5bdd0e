// OLMoE: experts in every layer, and one norm over all queries and all keys of a token.
#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.max_positions = 4096, .norm_eps = 1e-5, .pad_id = 1, .eos_ids = {50279}, .sparse = true},
               spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  if (config.is_set("clip_qkv")) { config.fail("\"clip_qkv\" is not supported; no published OLMoE uses it"); }
  spec.qk_norm = QkNorm::kProjection;
  read_moe(config, {.num_experts = 64, .experts_per_token = 8, .aux_loss_coef = 0.01}, spec);
  spec.moe.norm_topk_prob = config.flag("norm_topk_prob", false);
}

void print(const ModelSpec& spec, Json& config) {
  check(common_window(spec) == 0, "an olmoe has no sliding window");
  check(spec.qkv_bias == spec.o_bias && spec.qk_norm == QkNorm::kProjection,
        "an olmoe has all attention biases or none, and norms the whole query and key projections");
  config["attention_bias"] = spec.qkv_bias;
  print_moe(spec, "num_experts", config);
  config["norm_topk_prob"] = spec.moe.norm_topk_prob;
}

void check_olmoe(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_moe(spec);
  check_input(
      spec.qk_norm == QkNorm::kProjection && spec.moe.sparse_layers.empty(),
      "config.json: an olmoe model norms the whole query and key projections and has experts in every layer");
}

}  // namespace

Family olmoe_family() {
  return {.model_type = "olmoe",
          .class_prefix = "Olmoe",
          .has_classifier = false,
          .read = read,
          .print = print,
          .check = check_olmoe};
}

}  // namespace una::weights::detail
