#pragma once

#include <string>

#include "una/core/model_spec.h"

namespace una::weights {

// config.json -> ModelSpec. The family follows from model_type, or from `architectures` where that is
// missing, never from sizes. Both spellings of rope (rope_theta + rope_scaling, rope_parameters) and of dtype
// are read. Unknown architectures, activations and rope types are refused by name, with the list of known
// ones. read_model_spec adds the end-of-sequence ids of generation_config.json, if the folder has one.
ModelSpec read_model_spec(const std::string& folder);
ModelSpec parse_model_spec(const std::string& config_json, const std::string& what);

// A config.json for a model that `una` made itself (the demo): sorted keys, spelled so that transformers 4
// and 5 both read it. InternalError for a spec that its family cannot express.
std::string print_model_spec(const ModelSpec& spec);

// The base's config.json text turned into that of a sequence classifier: architectures, num_labels, id2label,
// pad id (null when negative). InputError when the text is not a readable config.json.
std::string reward_model_config(const std::string& config_json, std::int32_t pad_id);

// The config.json text for weights stored in `dtype` ("bfloat16"), because transformers 5 and vLLM compute in
// the dtype named there, whatever the files hold. Changes the keys that exist (dtype, torch_dtype), else adds
// torch_dtype; a text that names this dtype already is returned unchanged. The weights are written as they are, so a
// quantization_config is left out.
std::string config_with_dtype(const std::string& config_json, const std::string& dtype);

}  // namespace una::weights
