#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 8,
                .max_positions = 131072,
                .norm_eps = 1e-5,
                .bos_id = 1,
                .eos_ids = {2},
                .rope = {.theta = 1e6},
                .sparse = true},
               spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  if (config.is_set("router_jitter_noise") && config.number("router_jitter_noise") != 0) {
    config.fail("\"router_jitter_noise\" is not supported; set it to 0");
  }
  read_moe(config, {.experts_key = "num_local_experts"}, spec);
  spec.moe.norm_topk_prob = true;
  read_one_window(config, /*absent=*/0, spec);
}

void print(const ModelSpec& spec, Json& config) {
  print_one_window(spec, config);
  print_moe(spec, "num_local_experts", config);
}

void check_mixtral(const ModelSpec& spec) {
  check_no_biases(spec);
  check_all_sparse(spec);
}

PartNames mixtral_names() {
  PartNames names;
  names.router = "block_sparse_moe.gate";
  names.experts = "block_sparse_moe.experts";
  names.expert_gate = "w1";
  names.expert_up = "w3";
  names.expert_down = "w2";
  return names;
}

}  // namespace

Family mixtral_family() {
  return {.model_type = "mixtral",
          .class_prefix = "Mixtral",
          .names = mixtral_names(),
          .read = read,
          .print = print,
          .check = check_mixtral};
}

}  // namespace una::weights::detail
