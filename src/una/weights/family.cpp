#include "una/weights/family.h"

#include <map>
#include <mutex>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/composite.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights {
namespace {

void check_sizes(const ModelSpec& spec) {
  const auto positive = [](std::int64_t value, const char* key) {
    check_input(value > 0, "config.json: ", key, " is ", value, ", but must be at least 1");
  };
  positive(spec.hidden_size, "hidden_size");
  positive(spec.intermediate_size, "intermediate_size");
  positive(spec.num_layers, "num_hidden_layers");
  positive(spec.num_heads, "num_attention_heads");
  positive(spec.num_kv_heads, "num_key_value_heads");
  positive(spec.head_dim, "head_dim");
  positive(spec.vocab_size, "vocab_size");
  positive(spec.max_positions, "max_position_embeddings");
  check_input(spec.num_heads % spec.num_kv_heads == 0, "config.json: num_attention_heads ", spec.num_heads,
              " is not a multiple of num_key_value_heads ", spec.num_kv_heads);
  check_input(spec.head_dim % 2 == 0, "config.json: head_dim ", spec.head_dim, " is odd");
  check_input(spec.head_dim <= detail::kLargestHead, "config.json: head_dim ", spec.head_dim, " is above ",
              detail::kLargestHead);
  const bool known =
      spec.activation == "silu" || spec.activation == "gelu_pytorch_tanh" || spec.activation == "gelu";
  check_input(known, "config.json: the activation \"", spec.activation,
              "\" is not supported (known: silu, gelu_pytorch_tanh, gelu)");
  check_input(spec.num_labels <= 1, "config.json: a reward model has one label, this one has ",
              spec.num_labels, " (num_labels, id2label)");
  check(spec.windows.empty() || static_cast<std::int64_t>(spec.windows.size()) == spec.num_layers,
        "ModelSpec::windows must have one entry per layer");
  check(spec.rope_layers.empty() || std::ssize(spec.rope_layers) == spec.num_layers,
        "ModelSpec::rope_layers must have one entry per layer");
  check(spec.mixers.empty() || std::ssize(spec.mixers) == spec.num_layers,
        "ModelSpec::mixers must have one entry per layer");
  check(spec.moe.sparse_layers.empty() || std::ssize(spec.moe.sparse_layers) == spec.num_layers,
        "MoeSpec::sparse_layers must have one entry per layer");
  check(spec.logit_scale == 1 || spec.logit_soft_cap == 0, "no family both scales and caps its logits");
  check(spec.norm_style != NormStyle::kLayerNorm || spec.qk_norm == QkNorm::kNone, "qk_norm is an RMS norm");
}

// Composites are few and families stay where they are, so each pair is made once.
const Family& kept_family(const Composite& composite, const Family& family) {
  static std::mutex mutex;
  static std::map<std::string, Family> kept;
  const std::lock_guard lock(mutex);
  const std::string key = cat(composite.class_name, " ", family.model_type);
  return kept.try_emplace(key, composite_family(composite, family)).first->second;
}

}  // namespace

const std::vector<Family>& families() {
#define UNA_CALL_FAMILY(name) detail::name##_family(),
  static const std::vector<Family> kFamilies = {UNA_FAMILIES(UNA_CALL_FAMILY)};
#undef UNA_CALL_FAMILY
  return kFamilies;
}

const Family& find_family(const ModelSpec& spec) {
  std::vector<std::string> known;
  for (const Family& family : families()) {
    known.push_back(family.model_type);
    if (family.model_type != spec.model_type) { continue; }
    check_sizes(spec);
    if (family.check != nullptr) { family.check(spec); }
    const Composite* composite = composite_of(spec);
    return composite == nullptr ? family : kept_family(*composite, family);
  }
  throw InputError(cat("config.json: model_type \"", spec.model_type,
                       "\" is not supported; known types: ", join(known, ", ")));
}

}  // namespace una::weights
