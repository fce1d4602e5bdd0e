#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/weights/config_reader.h"
#include "una/weights/rope_config.h"

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
  std::string classifier_prefix;  // where the reward model's class has another: "Gemma3Text"

  const std::string& prefix(bool classifier) const {
    return classifier && !classifier_prefix.empty() ? classifier_prefix : class_prefix;
  }
};

const std::vector<Family>& family_table();

// What transformers assumes of a family where config.json is silent, and how it spells what differs.
struct DecoderDefaults {
  std::optional<std::int64_t> num_kv_heads;  // none: as many as heads
  std::optional<std::int64_t> head_dim;      // none: hidden_size / heads
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  const char* activation_key = "hidden_act";
  std::string activation = "silu";
  bool tie_word_embeddings = false;
  std::int32_t bos_id = -1, pad_id = -1;
  std::vector<std::int32_t> eos_ids;
  RopeDialect rope;
  bool own_rope = false;  // the family reads its rope itself
};

// Everything that the families share: sizes, norm, activation, rope, tokens. `windows` becomes all zero.
void read_decoder(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec);

// No answer could end at an id that the model does not have.
void check_eos_ids(const ConfigReader& config, const std::vector<std::int32_t>& ids, std::int64_t vocab_size);

// "attention_bias" of families that put it on q, k, v and o.
void read_attention_bias(const ConfigReader& config, ModelSpec& spec);

// Fails when one of `keys` is true: a setting that the family does not have.
void refuse_flags(const ConfigReader& config, std::initializer_list<const char*> keys);

// The one window that all sliding layers share, 0 when none slides. InternalError when they differ.
std::int64_t common_window(const ModelSpec& spec);

// "full_attention"/"sliding_attention" of each layer as config.json lists them, or nothing when it does not.
std::vector<bool> read_sliding_layers(const ConfigReader& config, std::int64_t num_layers);

// "layer_types" of the spec's windows.
Json layer_types_json(const ModelSpec& spec);

// Qwen's rule: the layers from max_window_layers on slide, if use_sliding_window; layer_types goes before.
void read_qwen_windows(const ConfigReader& config, ModelSpec& spec);
void print_qwen_windows(const ModelSpec& spec, Json& config);

}  // namespace una::weights::detail
