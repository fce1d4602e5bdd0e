#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_model.h"

namespace una::gguf {

// What an adapter adds to one linear: scale B A.
struct GgufLora {
  std::string module;  // Hugging Face's name: "model.layers.0.self_attn.q_proj"
  at::Tensor a, b;     // [r, in], [out, r], fp32
  double scale = 1;
};

// A LoRA adapter as llama.cpp loads it next to its base (src/llama-adapter.cpp, convert_lora_to_gguf.py): general.type
// "adapter", adapter.type "lora", and for every linear NAME.weight.lora_a and .lora_b, the rows of B in the order of the
// base's. llama.cpp scales by alpha / r with one alpha for all; where a linear has another scale (rsLoRA, patterns), B is
// multiplied by the ratio. `name` is general.name. InputError as gguf_architecture's.
GgufModel gguf_adapter(const ModelSpec& spec, const std::vector<GgufLora>& linears, double alpha,
                       GgmlType type, const std::string& name);

}  // namespace una::gguf
