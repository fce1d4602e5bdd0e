// Mistral, and Ministral, whose layers slide or not one by one.
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
  read_one_window(config, kDefaultWindow, spec);
  refuse_mixed_windows(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a mistral has no biases");
  print_one_window(spec, config);
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
