// OLMo 2 and 3: norms behind attention and MLP, and one norm over all queries and all keys of a token.
#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultWindow = 4096, kPattern = 4;  // olmo3: every fourth layer sees everything

constexpr double kTheta = 5e5;

void read_olmo(const ConfigReader& config, bool own_rope, ModelSpec& spec) {
  read_decoder(
      config,
      {.max_positions = 2048, .norm_eps = 1e-5, .pad_id = 1, .eos_ids = {50279}, .own_rope = own_rope}, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qk_norm = QkNorm::kProjection;
  spec.norm_style = NormStyle::kWide;
}

void read_olmo2(const ConfigReader& config, ModelSpec& spec) { read_olmo(config, false, spec); }

// The layers that slide do not take rope_theta or rope_scaling.
void read_olmo3(const ConfigReader& config, ModelSpec& spec) {
  read_olmo(config, true, spec);
  read_layer_windows(config, {.window = kDefaultWindow, .pattern = kPattern}, spec);
  read_layer_ropes(config, kTheta, kTheta, spec);
}

void print_biases(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "an olmo has all attention biases or none");
  check(spec.qk_norm == QkNorm::kProjection, "an olmo norms the whole query and key projections");
  config["attention_bias"] = spec.qkv_bias;
}

void print_olmo2(const ModelSpec& spec, Json& config) {
  check(common_window(spec) == 0, "an olmo2 has no sliding window");
  print_biases(spec, config);
}

void print_olmo3(const ModelSpec& spec, Json& config) {
  check(spec.local_rope.theta == kTheta, "the older keys cannot give sliding layers another theta");
  print_biases(spec, config);
  print_layer_windows(spec, kDefaultWindow, config);
}

void check_olmo(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kProjection, "config.json: an ", spec.model_type,
              " model norms the whole query and key projections");
}

}  // namespace

Family olmo2_family() {
  return {.model_type = "olmo2",
          .class_prefix = "Olmo2",
          .names = norms_behind(),
          .read = read_olmo2,
          .print = print_olmo2,
          .check = check_olmo};
}

Family olmo3_family() {
  return {.model_type = "olmo3",
          .class_prefix = "Olmo3",
          .names = norms_behind(),
          .read = read_olmo3,
          .print = print_olmo3,
          .check = check_olmo};
}

}  // namespace una::weights::detail
