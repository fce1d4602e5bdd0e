#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::weights {

// model.safetensors.index.json for a folder that write_model_weights gave one file and that gets other
// .safetensors files beside it (a value head, an optimiser): without an index vLLM takes every *.safetensors
// for the model's (model_loader/default_loader.py). Readers that know both take model.safetensors first. Does
// nothing where there are shards, which have an index.
void write_index_of_one(const std::string& folder,
                        const std::vector<std::pair<std::string, at::Tensor>>& tensors);

}  // namespace una::weights
