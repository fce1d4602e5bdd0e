#pragma once

#include <string>
#include <utility>
#include <vector>

#include "una/core/model_spec.h"
#include "una/weights/part_names.h"
#include "una/weights/safetensors.h"

// What files and parameters of some families have otherwise.
namespace una::weights {

// A checkpoint's tensors as parameters: one matrix per expert, and the head under transformers' name for it. A
// checkpoint may hold the experts of a layer in one tensor: some families' files do, and so does what transformers writes
// with save_original_format=False. They become views, and the router gets its name in PartNames. The files of gpt_neox
// call the head embed_out, transformers and PEFT call it lm_head. Of a composite model (composite.h) only the text
// decoder's. Other tensors stay as they are. InputError naming
// `what` and the tensor whose shape does not fit the configuration.
StateDict as_parameters(const ModelSpec& spec, const PartNames& names, const StateDict& files,
                        const std::string& what);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
// The way back, to the form of the family's files.
NamedTensors as_stored(const ModelSpec& spec, const PartNames& names, NamedTensors tensors);

}  // namespace una::weights
