#pragma once

#include <string>

#include "una/core/lora_spec.h"
#include "una/weights/safetensors.h"

namespace una::weights {

// adapter_config.json <-> LoraSpec. Settings that are not implemented (lora_bias, exclude_modules, other
// peft_type, ...) are refused by name unless null, false or empty, as are unknown keys. Unset target_modules
// mean q_proj and v_proj; "all-linear" stays {"all-linear"}, which the model resolves. Written with PEFT's
// core keys only, sorted, indent 2; rank_pattern and alpha_pattern keep their order, which is significant.
LoraSpec read_adapter_config(const std::string& folder);
LoraSpec parse_adapter_config(const std::string& config_json, const std::string& what);
std::string print_adapter_config(const LoraSpec& spec);

// adapter_model.safetensors: names "base_model.model.<module>.lora_A.weight" [r, in], "...lora_B.weight"
// [out, r], DoRA's "...lora_magnitude_vector" [out]; saved modules as "base_model.model.score.weight", biases
// as "<module>.base_layer.bias" or, for modules without an adapter, "<module>.bias". The keys of the
// StateDict lack the prefix "base_model.model.".
StateDict read_adapter_weights(const std::string& folder);

// Writes an adapter folder: the weights (as given, fp32 by convention; names with or without
// "base_model.model."), then the config. Each file appears whole or not at all.
void write_adapter(const std::string& folder, const LoraSpec& spec,
                   const std::vector<std::pair<std::string, at::Tensor>>& tensors);

bool is_adapter_folder(const std::string& folder);  // has adapter_config.json

}  // namespace una::weights
