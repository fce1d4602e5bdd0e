#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::weights {

// Writes model.safetensors.index.json for a folder in which write_model_weights wrote a single file and which
// also gets other .safetensors files (a value head, an optimiser): without an index vLLM loads every
// *.safetensors as the model's (model_loader/default_loader.py). Readers that know both forms prefer
// model.safetensors. Does nothing for a sharded model, which has an index.
void write_index_of_one(const std::string& folder,
                        const std::vector<std::pair<std::string, at::Tensor>>& tensors);

}  // namespace una::weights
