#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultWindow = 4096, kPattern = 4;

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 32, .max_positions = 2048, .norm_eps = 1e-5, .bos_id = 0, .eos_ids = {2}},
               spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  spec.qk_norm = QkNorm::kHead;
  if (config.is_null("sliding_window")) { return; }  // then every layer sees everything, with positions
  read_layer_windows(
      config, {.window = kDefaultWindow, .pattern = config.size("sliding_window_pattern", kPattern)}, spec);
  for (const std::int64_t window : spec.windows) { spec.rope_layers.push_back(window > 0 ? 0 : -1); }
}

void print(const ModelSpec& spec, Json& config) {
  print_layer_windows(spec, kDefaultWindow, config);
  if (spec.rope_layers.empty()) { config["sliding_window"] = nullptr; }
}

void check_exaone4(const ModelSpec& spec) {
  check_no_biases(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: an exaone4 model norms each query and key head");
}

}  // namespace

// Norms behind attention and MLP, and no positions in the layers that see everything.
Family exaone4_family() {
  return {.model_type = "exaone4",
          .class_prefix = "Exaone4",
          .names = norms_behind(),
          .read = read,
          .print = print,
          .check = check_exaone4};
}

}  // namespace una::weights::detail
