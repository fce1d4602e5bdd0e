// Ministral 3: mistral with rope of its own, whose queries grow with their position.
#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kKvHeads = 8, kHeadDim = 128;
constexpr std::int64_t kMaxPositions = 262144, kOriginalPositions = 16384;
constexpr std::int32_t kPadId = 11;

// What transformers takes for a config.json that has no rope.
RopeSpec usual_rope() {
  RopeSpec rope;
  rope.type = "yarn";
  rope.theta = 1e6;
  rope.factor = 16;
  rope.original_max_positions = kOriginalPositions;
  rope.mscale = rope.mscale_all_dim = 1;
  rope.query_beta = 0.1;
  return rope;
}

void read(const ConfigReader& config, ModelSpec& spec) {
  DecoderDefaults defaults{.num_kv_heads = kKvHeads,
                           .max_positions = kMaxPositions,
                           .norm_eps = 1e-5,
                           .bos_id = 1,
                           .pad_id = kPadId,
                           .eos_ids = {2},
                           .own_rope = true};
  if (!config.is_null("head_dim")) { defaults.head_dim = kHeadDim; }  // null: hidden_size / heads
  read_decoder(config, defaults, spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  const bool has_rope = config.is_set("rope_scaling") || config.is_set("rope_parameters");
  spec.rope = has_rope ? read_rope(config, {.query_beta = true}, spec) : usual_rope();
  if (spec.rope.original_max_positions == 0) { config.fail("the parameters of rope are empty"); }
  read_one_window(config, /*absent=*/0, spec);
  refuse_mixed_windows(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a ministral3 has no biases");
  print_one_window(spec, config);
  Json rope = rope_scaling_json(spec.rope);
  if (rope.is_null()) { rope = {{"rope_type", spec.rope.type}}; }
  rope["rope_theta"] = spec.rope.theta;
  rope["original_max_position_embeddings"] = spec.rope.original_max_positions;
  rope["llama_4_scaling_beta"] = spec.rope.query_beta;
  config["rope_parameters"] = rope;
  config.erase("rope_scaling");
  config.erase("rope_theta");
}

}  // namespace

Family ministral3_family() {
  return {.model_type = "ministral3",
          .class_prefix = "Ministral3",
          .read = read,
          .print = print,
          .check = check_no_biases};
}

}  // namespace una::weights::detail
