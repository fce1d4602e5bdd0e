// Mistral, and Ministral, whose layers slide or not one by one.
#include <algorithm>

#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultKvHeads = 8;
constexpr std::int64_t kDefaultWindow = 4096;  // for an absent key; null means no window

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = kDefaultKvHeads, .max_positions = 131072, .bos_id = 1, .eos_ids = {2}}, spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  const std::int64_t window =
      config.is_null("sliding_window") ? 0 : config.size("sliding_window", kDefaultWindow);
  const std::vector<bool> sliding = read_sliding_layers(config, spec.num_layers);
  const bool mixed =
      std::any_of(sliding.begin(), sliding.end(), [&](bool each) { return each != (window > 0); });
  if (mixed) { config.fail("\"layer_types\" that differ from \"sliding_window\" are not known for mistral"); }
  spec.windows.assign(static_cast<std::size_t>(spec.num_layers), window);
}

void print(const ModelSpec& spec, Json& config) {
  check(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a mistral has no biases");
  const std::int64_t window = common_window(spec);
  for (const std::int64_t each : spec.windows) {
    check(each == window, "a mistral has one window for all layers");
  }
  config["sliding_window"] = window == 0 ? Json(nullptr) : Json(window);
}

void read_ministral(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = kDefaultKvHeads, .max_positions = 131072, .bos_id = 1, .eos_ids = {2}}, spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  read_layer_windows(config, {.window = kDefaultWindow, .pattern = 0}, spec);
}

void print_ministral(const ModelSpec& spec, Json& config) {
  check(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a ministral has no biases");
  print_layer_windows(spec, kDefaultWindow, config);
}

}  // namespace

Family mistral_family() {
  return {.model_type = "mistral",
          .class_prefix = "Mistral",
          .read = read,
          .print = print,
          .check = check_no_biases};
}

Family ministral_family() {
  return {.model_type = "ministral",
          .class_prefix = "Ministral",
          .read = read_ministral,
          .print = print_ministral,
          .check = check_no_biases};
}

}  // namespace una::weights::detail
