// Granite with experts in every layer; its files hold all experts of a layer in one tensor.
#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.max_positions = 2048, .bos_id = 1, .eos_ids = {2}, .sparse = true}, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  read_granite_scales(config, spec);
  read_moe(config, {.experts_key = "num_local_experts"}, spec);
  spec.moe.norm_topk_prob = true;
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias, "a granitemoe has all attention biases or none");
  config["attention_bias"] = spec.qkv_bias;
  print_granite_scales(spec, config);
  print_moe(spec, "num_local_experts", config);
}

void check_granitemoe(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_all_sparse(spec);
}

PartNames granitemoe_names() {
  PartNames names;
  names.router = "block_sparse_moe.router.layer";
  names.experts = "block_sparse_moe.experts";
  names.fused_experts = {{"block_sparse_moe.experts.gate_up_proj", "block_sparse_moe.experts.down_proj",
                          "block_sparse_moe.router.weight"},
                         {"block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight",
                          "block_sparse_moe.router.layer.weight"}};
  names.stored_experts = 1;
  return names;
}

}  // namespace

Family granitemoe_family() {
  return {.model_type = "granitemoe",
          .class_prefix = "GraniteMoe",
          .has_classifier = false,
          .names = granitemoe_names(),
          .read = read,
          .print = print,
          .check = check_granitemoe};
}

}  // namespace una::weights::detail
