#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/weights/family.h"
#include "una/weights/safetensors.h"
#include "una/weights/stored_form.h"

// Composite models, as transformers calls them: config.json has the settings of a text decoder in "text_config" next to
// those of a vision tower. una trains the text decoder, which sees text only; all other tensors stay as they are.
namespace una::weights {

// One class of transformers. Its text decoder is of one of the families.
struct Composite {
  const char* model_type;  // "gemma3"
  const char* class_name;  // "Gemma3ForConditionalGeneration"
  const char* text_type;   // the family where text_config has no model_type: "gemma3_text"
  // Whether transformers' class for training text names the decoder's parameters model.language_model.*, and PEFT with
  // it; else they are model.*.
  bool names_language_model;
};

// Null: not the model_type of a composite.
const Composite* find_composite(const std::string& model_type);
std::vector<std::string> composite_types();  // all of them
// Null: the spec is of a text model.
const Composite* composite_of(const ModelSpec& spec);

// text_config as a config.json of its own: keys that only the outer object has (tokens, dtype, quantisation) are taken
// over, and the sizes that transformers assumes where text_config lacks them. InputError naming `what`.
Json text_config(const Composite& composite, const Json& config, const std::string& what);

// A family's with the composite's names of parameters.
Family composite_family(const Composite& composite, const Family& family);

// The decoder's tensors under the names of parameters; files have them as language_model.model.*,
// language_model.lm_head (transformers 4 and most files of the hub) or model.language_model.*, lm_head. Of a text model:
// the same tensors.
StateDict text_tensors(const ModelSpec& spec, const StateDict& weights);

// The way back: the decoder's tensors under the names that `base`, a folder's tensors, has for them, and all others of
// `base`. Of a text model: the tensors as they are. InputError for quantised tensors among those.
NamedTensors with_other_tensors(const ModelSpec& spec, const StateDict& base, NamedTensors tensors);

// An adapter's tensors under the composite's names. One that was trained on transformers' class of the decoder alone
// (AutoModelForCausalLM takes it for qwen3_5) has model.layers.*, one of transformers before 4.52
// language_model.model.layers.*. Of a text model: the same tensors.
StateDict adapter_tensors(const ModelSpec& spec, const StateDict& weights);

// What PEFT reads: target_modules as a regular expression of the decoder's modules, because a list of names would adapt
// modules of the vision tower too. Of a text model, or where the names are of the decoder alone: the spec as it is.
LoraSpec decoder_targets(const ModelSpec& spec, LoraSpec lora);

}  // namespace una::weights
