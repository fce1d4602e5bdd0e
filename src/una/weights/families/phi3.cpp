#include <algorithm>

#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kOriginalPositions =
    4096;  // the class's default; a key outside rope_scaling overrides it

void read(const ConfigReader& config, ModelSpec& spec) {
  const RopeDialect rope{.partial = true, .only_longrope = true, .original_positions = kOriginalPositions};
  read_decoder(config,
               {.max_positions = 4096,
                .norm_eps = 1e-5,
                .bos_id = 1,
                .pad_id = 32000,
                .eos_ids = {32000},
                .rope = rope},
               spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  // transformers drops the cache when a sequence becomes long, because its keys were rotated by the short
  // factors.
  spec.recompute_at_long_rope = spec.rope.type == "longrope";
  read_one_window(config, /*absent=*/0, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a phi3 has no biases");
  print_one_window(spec, config);
  if (spec.rope.original_max_positions > 0) {
    config["original_max_position_embeddings"] = spec.rope.original_max_positions;
  }
  // Older readers require the key even when every dimension is rotated.
  config["partial_rotary_factor"] = spec.rope.partial_rotary_factor;
}

PartNames names() {
  PartNames out;
  out.qkv = "self_attn.qkv_proj";
  out.gate_up = "mlp.gate_up_proj";
  return out;
}

}  // namespace

Family phi3_family() {
  return {.model_type = "phi3",
          .class_prefix = "Phi3",
          .names = names(),
          .default_targets = {"qkv_proj"},  // PEFT has no default for phi3: the fused linear holds q and v
          .read = read,
          .print = print,
          .check = check_no_biases};
}

}  // namespace una::weights::detail
