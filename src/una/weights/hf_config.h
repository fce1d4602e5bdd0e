#pragma once

#include <string>

#include "una/core/model_spec.h"

namespace una::weights {

// config.json -> ModelSpec. `architectures` decides where model_type is missing or shared; never sizes. Both
// spellings of rope (rope_theta + rope_scaling, rope_parameters) and of dtype are read. Unknown
// architectures, activations and rope types are refused by name, with the list of known ones.
// read_model_spec adds the end-of-sequence ids of generation_config.json, where the folder has one.
ModelSpec read_model_spec(const std::string& folder);
ModelSpec parse_model_spec(const std::string& config_json, const std::string& what);

// A config.json for a model that `una` made itself (the demo): sorted keys, the spelling that transformers 4
// and 5 both read. InternalError for a spec that its family cannot say.
std::string print_model_spec(const ModelSpec& spec);

// The base's config.json text changed into a sequence-classification one: architectures, num_labels,
// id2label, pad id (null when negative). InputError when the text is no config.json that can be read.
std::string reward_model_config(const std::string& config_json, std::int32_t pad_id);

// The config.json text for weights that are stored in `dtype` ("bfloat16"): transformers 5 and vLLM compute
// in what it says, whatever the files hold. Under the keys that are there (dtype, torch_dtype), else
// torch_dtype; a text that says so already stays as it is.
std::string config_with_dtype(const std::string& config_json, const std::string& dtype);

}  // namespace una::weights
