#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/weights/part_names.h"

namespace una::weights {

namespace detail {
class ConfigReader;
}

// Everything that one model family adds to the one decoder: how its config.json reads, the names of its
// tensors, what PEFT adapts by default, and which specs it refuses. Each family is one source file in
// families/ and one line in families/families.h.
struct Family {
  std::string model_type;            // "llama"
  std::string class_prefix;          // "Llama": LlamaForCausalLM, LlamaForSequenceClassification
  std::vector<std::string> aliases;  // other spellings of the prefix in `architectures`
  std::string classifier_prefix;     // prefix of the reward model's class where it differs: "Gemma3Text"
  bool has_classifier = true;  // transformers has that class; without it no program loads a reward model
  PartNames names;
  std::vector<std::string> default_targets = {"q_proj", "v_proj"};
  // Fills the sizes, biases, windows and rope; `spec.architecture` and `num_labels` are set already.
  void (*read)(const detail::ConfigReader& config, ModelSpec& spec) = nullptr;
  // Adds the keys that only this family has; the common ones are set already.
  void (*print)(const ModelSpec& spec, Json& config) = nullptr;
  void (*check)(const ModelSpec& spec) = nullptr;  // InputError on a spec that the family does not cover

  const std::string& prefix(bool classifier) const {
    return classifier && !classifier_prefix.empty() ? classifier_prefix : class_prefix;
  }
};

// All families, in the order in which messages list them.
const std::vector<Family>& families();

// The family of spec.model_type, after checking the spec. InputError for an unknown type (listing the known
// ones) and for values that do not fit together.
const Family& find_family(const ModelSpec& spec);

}  // namespace una::weights
