#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultWindow = 4096, kPattern = 4;

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.max_positions = 8192,
                .norm_eps = 1e-5,
                .norm_eps_key = "layer_norm_eps",
                .tie_word_embeddings = true,
                .bos_id = 5,
                .pad_id = 0,
                .eos_ids = {255001}},
               spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias", "use_qk_norm"});
  spec.norm_style = NormStyle::kLayerNorm;
  spec.parallel_block = true;
  spec.logit_scale = config.positive("logit_scale", 0.0625);
  spec.rope.interleaved = true;
  read_layer_windows(
      config, {.window = kDefaultWindow, .pattern = config.size("sliding_window_pattern", kPattern)}, spec);
  for (const std::int64_t window : spec.windows) { spec.rope_layers.push_back(window > 0 ? 0 : -1); }
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.parallel_block && spec.norm_style == NormStyle::kLayerNorm, "a cohere2 has parallel blocks");
  config["attention_bias"] = spec.qkv_bias;
  config["logit_scale"] = spec.logit_scale;
  config["layer_norm_eps"] = spec.norm_eps;
  config.erase("rms_norm_eps");
  print_layer_windows(spec, kDefaultWindow, config);
}

}  // namespace

// Command R7B: attention and MLP read one layer norm; only sliding layers have positions.
Family cohere2_family() {
  return {.model_type = "cohere2",
          .class_prefix = "Cohere2",
          .has_classifier = false,
          .read = read,
          .print = print,
          .check = check_biases_whole};
}

}  // namespace una::weights::detail
