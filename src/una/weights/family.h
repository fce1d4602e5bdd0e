#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/weights/config_reader.h"

// A model family: one source file family_x.cpp and its line in family_table.cpp.
namespace una::weights::detail {

struct Family {
  std::string model_type;            // "llama"
  std::string class_prefix;          // "Llama": LlamaForCausalLM, LlamaForSequenceClassification
  std::vector<std::string> aliases;  // other spellings of the prefix in `architectures`
  // Fills the sizes, biases, windows and rope; `spec.architecture` and `num_labels` are there already.
  void (*read)(const ConfigReader& config, ModelSpec& spec);
  // Adds the keys that only this family has; the common ones are there already.
  void (*print)(const ModelSpec& spec, Json& config);
};

const std::vector<Family>& family_table();

// What transformers assumes of a family where config.json is silent.
struct DecoderDefaults {
  std::optional<std::int64_t> num_kv_heads;  // none: as many as heads
  std::int64_t max_positions = 0;
  std::int32_t bos_id = -1;
  std::vector<std::int32_t> eos_ids;
};

// Everything that the families share: sizes, norm, activation, rope, tokens. `windows` becomes all zero.
void read_decoder(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec);

// The one window that all sliding layers share, 0 when none slides. InternalError when they differ.
std::int64_t common_window(const ModelSpec& spec);

// "full_attention"/"sliding_attention" of each layer as config.json lists them, or nothing when it does not.
std::vector<bool> read_sliding_layers(const ConfigReader& config, std::int64_t num_layers);

}  // namespace una::weights::detail
