#pragma once

#include <string>
#include <utility>
#include <vector>

#include "una/core/model_spec.h"
#include "una/weights/part_names.h"
#include "una/weights/safetensors.h"

namespace una::weights {

// The tensors with one matrix per expert. A checkpoint may instead hold those of all experts in one: some families'
// files do, and so does what transformers writes with save_original_format=False. They become views, and the router
// gets its name in PartNames. Other tensors stay as they are. InputError naming `what` and the tensor whose shape does
// not fit the configuration.
StateDict with_single_experts(const ModelSpec& spec, const PartNames& names, const StateDict& weights,
                              const std::string& what);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
// The way back, for families whose files hold all experts in one tensor: it takes the place of the first one's.
NamedTensors with_stored_experts(const ModelSpec& spec, const PartNames& names, NamedTensors tensors);

}  // namespace una::weights
