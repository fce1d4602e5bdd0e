#pragma once

#include <string>

#include "una/core/lora_spec.h"
#include "una/weights/safetensors.h"

namespace una::weights {

// adapter_config.json <-> LoraSpec. What is not implemented (lora_bias, exclude_modules, other peft_type,
// ...) is refused by name once it is set; unknown keys may be null, false or empty. Unset target_modules are
// q_proj and v_proj; "all-linear" stays {"all-linear"}, the model resolves it. Written with PEFT's core key
// set only, sorted, indent 2; rank_pattern and alpha_pattern keep their order, which has a meaning.
LoraSpec read_adapter_config(const std::string& folder);
LoraSpec parse_adapter_config(const std::string& config_json, const std::string& what);
std::string print_adapter_config(const LoraSpec& spec);

// adapter_model.safetensors: names "base_model.model.<module>.lora_A.weight" [r, in], "...lora_B.weight"
// [out, r], DoRA's "...lora_magnitude_vector" [out]; saved modules as "base_model.model.score.weight", biases
// as
// "<module>.base_layer.bias" or, of modules without an adapter, "<module>.bias". Keys of the StateDict are
// without the "base_model.model." prefix.
StateDict read_adapter_weights(const std::string& folder);

// The whole adapter folder: weights (as given, fp32 by convention; names with or without
// "base_model.model."), then the config, each file whole or not at all.
void write_adapter(const std::string& folder, const LoraSpec& spec,
                   const std::vector<std::pair<std::string, at::Tensor>>& tensors);

bool is_adapter_folder(const std::string& folder);  // has adapter_config.json

}  // namespace una::weights
