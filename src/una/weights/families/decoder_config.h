#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/weights/config_reader.h"
#include "una/weights/family.h"
#include "una/weights/rope_config.h"

// What the family sources share: reading the common keys of a decoder's config.json, and the pieces that
// several families have.
namespace una::weights::detail {

inline constexpr std::int64_t kLargestHead = 16384;  // dimensions of a head; known models have at most 512

// The values that transformers assumes for a family when config.json lacks a key, and the family's spellings.
struct DecoderDefaults {
  std::optional<std::int64_t> num_kv_heads;  // none: num_heads
  std::optional<std::int64_t> head_dim;      // none: hidden_size / heads
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  const char* norm_eps_key = "rms_norm_eps";
  const char* activation_key = "hidden_act";
  std::string activation = "silu";
  bool tie_word_embeddings = false;
  std::int32_t bos_id = -1, pad_id = -1;
  std::vector<std::int32_t> eos_ids;
  RopeDialect rope;
  bool own_rope = false;  // read_decoder leaves rope to the family
  bool sparse = false;    // a mixture of experts: the keys of num_experts are the family's
  std::string own_key;    // a key that no other family may have, which this one reads itself
};

// Reads everything that the families share: sizes, norm, activation, rope, tokens. Sets all `windows` to
// zero.
void read_decoder(const ConfigReader& config, const DecoderDefaults& defaults, ModelSpec& spec);

// The keys of config.json that change a decoder's arithmetic and that no family here has, where they are set.
std::vector<std::string> foreign_keys(const ConfigReader& config);

// Fails when an id is outside the vocabulary: no answer could end there.
void check_eos_ids(const ConfigReader& config, const std::vector<std::int32_t>& ids, std::int64_t vocab_size);

// The values that transformers assumes for a mixture of experts, and the family's spelling.
struct MoeDefaults {
  const char* experts_key = "num_experts";
  std::int64_t num_experts = 8, experts_per_token = 2;
  double aux_loss_coef = 0.001;
};

// Reads "num_experts" (under the family's key, else the other one), "num_experts_per_tok", "router_aux_loss_coef" and
// "output_router_logits"; expert_size becomes intermediate_size, and every layer is sparse.
void read_moe(const ConfigReader& config, const MoeDefaults& defaults, ModelSpec& spec);
// The same keys.
void print_moe(const ModelSpec& spec, const char* experts_key, Json& config);
// InputError for a spec whose experts do not fit together.
void check_moe(const ModelSpec& spec);
// check_moe for families that have experts in every layer and norm the probabilities of those a token uses.
void check_all_sparse(const ModelSpec& spec);

// Reads "attention_bias", for families in which it covers q, k, v and o.
void read_attention_bias(const ConfigReader& config, ModelSpec& spec);

// InputError unless the spec has no biases at all, or exactly those of q, k, v and o.
void check_biases_whole(const ModelSpec& spec);
// InputError for a spec that has any bias.
void check_no_biases(const ModelSpec& spec);

// Fails when one of `keys` is true: the family does not have that setting.
void refuse_flags(const ConfigReader& config, std::initializer_list<const char*> keys);

// The default names, with norms behind attention and MLP instead of before them.
PartNames norms_behind();

// The window that all sliding layers share; 0: no layer slides. InternalError when they differ.
std::int64_t common_window(const ModelSpec& spec);

// The layers that config.json's "layer_types" calls `kind`; empty when that is absent. Fails on a layer that is neither
// `kind` nor "full_attention".
std::vector<bool> read_layers_of(const char* kind, const ConfigReader& config, std::int64_t num_layers);
std::vector<bool> read_sliding_layers(const ConfigReader& config, std::int64_t num_layers);

// The mixers of layers that "layer_types", which must be there, calls `kind` (they are `mixer`) or "full_attention".
std::vector<Mixer> listed_mixers(const char* kind, Mixer mixer, const ConfigReader& config,
                                 const ModelSpec& spec);
// "layer_types" of a spec with mixers: `kind` for those that are not attention.
Json mixer_types_json(const ModelSpec& spec, const char* kind);

// One window for all layers: "sliding_window", 0 (none) where it is null, `absent` where the key is not there.
void read_one_window(const ConfigReader& config, std::int64_t absent, ModelSpec& spec);
// After read_one_window, where "layer_types" must agree with it.
void refuse_mixed_windows(const ConfigReader& config, const ModelSpec& spec);
// InternalError for a spec whose layers differ.
void print_one_window(const ModelSpec& spec, Json& config);

// Which layers slide where config.json lists none: all but every `pattern`-th; 0: all.
struct LayerWindows {
  std::int64_t window = 0;  // where "sliding_window" is absent; null: no layer may slide
  std::int64_t pattern = 0;
};
void read_layer_windows(const ConfigReader& config, const LayerWindows& defaults, ModelSpec& spec);
// "sliding_window" (the default's where no layer slides) and "layer_types".
void print_layer_windows(const ModelSpec& spec, std::int64_t default_window, Json& config);

// One rope for the layers that see everything, another for those that slide (after the windows are read): rope_theta
// and rope_scaling are the former's, or rope_parameters has an object for each kind. The thetas are defaults.
void read_layer_ropes(const ConfigReader& config, double full_theta, double sliding_theta, ModelSpec& spec);

// "layer_types" from the spec's windows.
Json layer_types_json(const ModelSpec& spec);

// Granite's factors on the embedding, the scores, what each block adds, and the logits.
void read_granite_scales(const ConfigReader& config, ModelSpec& spec);
void print_granite_scales(const ModelSpec& spec, Json& config);

// Qwen's rule: with use_sliding_window the layers from max_window_layers on slide; layer_types overrides it.
void read_qwen_windows(const ConfigReader& config, ModelSpec& spec);
void print_qwen_windows(const ModelSpec& spec, Json& config);

}  // namespace una::weights::detail
