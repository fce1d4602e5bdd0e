#pragma once

#include <string>

#include "una/core/lora_spec.h"
#include "una/model/lora.h"
#include "una/weights/safetensors.h"

namespace una::model {

// Why an adapter's tensors cannot fit: "the adapter was made for /x/base (4 layers, 128 wide); m/chat has 2
// layers, 64 wide". "" when depth and width, as far as the tensors show them, do not contradict the model's.
std::string other_model(const LoraSpec& spec, const AdapterBase& base, const weights::StateDict& weights);

}  // namespace una::model
