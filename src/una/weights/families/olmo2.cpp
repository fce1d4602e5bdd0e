#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.max_positions = 2048, .norm_eps = 1e-5, .pad_id = 1, .eos_ids = {50279}}, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qk_norm = QkNorm::kProjection;
  spec.norm_style = NormStyle::kWide;
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "an olmo2 has all attention biases or none");
  check(spec.qk_norm == QkNorm::kProjection, "an olmo2 norms the whole query and key projections");
  check(common_window(spec) == 0, "an olmo2 has no sliding window");
  config["attention_bias"] = spec.qkv_bias;
}

void check_olmo2(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kProjection,
              "config.json: an olmo2 model norms the whole query and key projections");
}

PartNames names() {
  PartNames out;
  out.attention_norm = "";
  out.attention_post_norm = "post_attention_layernorm";
  out.mlp_norm = "";
  out.mlp_post_norm = "post_feedforward_layernorm";
  return out;
}

}  // namespace

Family olmo2_family() {
  return {.model_type = "olmo2",
          .class_prefix = "Olmo2",
          .names = names(),
          .read = read,
          .print = print,
          .check = check_olmo2};
}

}  // namespace una::weights::detail
